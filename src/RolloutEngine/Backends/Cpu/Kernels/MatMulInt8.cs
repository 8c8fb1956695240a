using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Quantised rows times one panel of quantised weights. Within a group of 64 inputs the sum is of whole numbers below 2^24, so it is exact
/// in floats as in integers and its order does not matter; the groups of an output are one chain of fused multiply-adds. That makes this
/// portable code and the machine code of <see cref="VnniCode"/> twins to the bit.
/// </summary>
internal static unsafe class MatMulInt8
{
    /// <summary>How far ahead of the weights in use memory is asked for more.</summary>
    public const int PrefetchBytes = 4096;

    private const int WordsOfGroup = Int8Panel.GroupInputs / Int8Panel.InputsOfWord;

    /// <summary>tile[row, 0..32] = Σgroup (scale[group, 0..32] · scale[row, group]) · Σk (weight[k, 0..32] + 128) · input[row, k] + offset[row, group]</summary>
    /// <param name="panel">As <see cref="Int8Panel"/> describes it.</param>
    /// <param name="tile">[row][32] with room for whole blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TSimd, TVector>(QuantizedRows input, int rows, byte* panel, float* tile) where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int blocks = RowBlocks.CountFor(rows); blocks > 0; blocks--)
        {
            for (int output = 0; output < PackedMatrix.PanelOutputs; output += TSimd.Width)
                Block<TSimd, TVector>(input, panel, output, tile + output);
            input = input.Next;
            tile += RowBlocks.Rows * PackedMatrix.PanelOutputs;
        }
    }

    /// <summary>Four rows, one vector of outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TSimd, TVector>(QuantizedRows input, byte* panel, int output, float* tile) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
        sbyte* x = input.Values;
        int* offsets = input.Offsets;
        float* scales = input.Scales;
        for (int group = 0; group < input.Groups; group++, panel += Int8Panel.GroupBytes, offsets += RowBlocks.Rows, scales += RowBlocks.Rows)
        {
            TVector a0 = TSimd.Broadcast(offsets[0]), a1 = TSimd.Broadcast(offsets[1]), a2 = TSimd.Broadcast(offsets[2]), a3 = TSimd.Broadcast(offsets[3]);
            uint* weights = (uint*)(panel + Int8Panel.ScaleBytes) + output;
            for (int word = 0; word < WordsOfGroup; word++, weights += PackedMatrix.PanelOutputs, x += RowBlocks.Rows * Int8Panel.InputsOfWord)
            {
                if (SoftwarePrefetch.IsOn)
                    Sse.Prefetch1((byte*)weights + PrefetchBytes);
                for (int k = 0; k < Int8Panel.InputsOfWord; k++)
                {
                    TVector weight = TSimd.LoadBytes(weights, k);
                    a0 = TSimd.MultiplyAdd(weight, TSimd.Broadcast(x[k]), a0);
                    a1 = TSimd.MultiplyAdd(weight, TSimd.Broadcast(x[Int8Panel.InputsOfWord + k]), a1);
                    a2 = TSimd.MultiplyAdd(weight, TSimd.Broadcast(x[2 * Int8Panel.InputsOfWord + k]), a2);
                    a3 = TSimd.MultiplyAdd(weight, TSimd.Broadcast(x[3 * Int8Panel.InputsOfWord + k]), a3);
                }
            }

            TVector scale = TSimd.Load((float*)panel + output);
            sum0 = TSimd.MultiplyAdd(a0, TSimd.Multiply(scale, TSimd.Broadcast(scales[0])), sum0);
            sum1 = TSimd.MultiplyAdd(a1, TSimd.Multiply(scale, TSimd.Broadcast(scales[1])), sum1);
            sum2 = TSimd.MultiplyAdd(a2, TSimd.Multiply(scale, TSimd.Broadcast(scales[2])), sum2);
            sum3 = TSimd.MultiplyAdd(a3, TSimd.Multiply(scale, TSimd.Broadcast(scales[3])), sum3);
        }

        TSimd.Store(sum0, tile);
        TSimd.Store(sum1, tile + PackedMatrix.PanelOutputs);
        TSimd.Store(sum2, tile + 2 * PackedMatrix.PanelOutputs);
        TSimd.Store(sum3, tile + 3 * PackedMatrix.PanelOutputs);
    }
}
