using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The product of <see cref="MatMulInt8"/> in 256-bit integers. Sums within a group are exact there as here, and the groups of an output are the
/// same chain of fused multiply-adds, so both are twins to the bit.
/// </summary>
internal static unsafe class MatMulBytes
{
    private const int Outputs = 2 * 8;
    private const int WordsOfGroup = Int8Panel.GroupInputs / Int8Panel.InputsOfWord;

    /// <summary>As <see cref="MatMulInt8.Panel"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TDot>(QuantizedRows input, int rows, byte* panel, float* tile) where TDot : IByteDot
    {
        for (int blocks = RowBlocks.CountFor(rows); blocks > 0; blocks--)
        {
            for (int output = 0; output < PackedMatrix.PanelOutputs; output += Outputs)
            {
                if (rows == 1)
                    OneRow<TDot>(input, panel, output, tile + output);
                else
                    FourRows<TDot>(input, panel, output, tile + output);
            }

            input = input.Next;
            tile += RowBlocks.Rows * PackedMatrix.PanelOutputs;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow<TDot>(QuantizedRows input, byte* panel, int output, float* tile) where TDot : IByteDot
    {
        Vector256<float> sumA = default, sumB = default;
        int* x = (int*)input.Values;
        for (int group = 0; group < input.Groups; group++, panel += Int8Panel.GroupBytes)
        {
            Vector256<int> a = Vector256.Create(input.Offsets[group * RowBlocks.Rows]), b = a;
            int* weights = (int*)(panel + Int8Panel.ScaleBytes) + output;
            for (int word = 0; word < WordsOfGroup; word++, weights += PackedMatrix.PanelOutputs, x += RowBlocks.Rows)
            {
                Prefetch(weights);
                Vector256<sbyte> row = Vector256.Create(x[0]).AsSByte();
                a = TDot.Add(a, Vector256.Load(weights).AsByte(), row);
                b = TDot.Add(b, Vector256.Load(weights + Vector256<int>.Count).AsByte(), row);
            }

            Add((float*)panel + output, input.Scales[group * RowBlocks.Rows], a, b, ref sumA, ref sumB);
        }

        Store(tile, sumA, sumB);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows<TDot>(QuantizedRows input, byte* panel, int output, float* tile) where TDot : IByteDot
    {
        Vector256<float> sumA0 = default, sumB0 = default, sumA1 = default, sumB1 = default;
        Vector256<float> sumA2 = default, sumB2 = default, sumA3 = default, sumB3 = default;
        int* x = (int*)input.Values;
        int* offsets = input.Offsets;
        float* scales = input.Scales;
        for (int group = 0; group < input.Groups; group++, panel += Int8Panel.GroupBytes, offsets += RowBlocks.Rows, scales += RowBlocks.Rows)
        {
            Vector256<int> a0 = Vector256.Create(offsets[0]), b0 = a0, a1 = Vector256.Create(offsets[1]), b1 = a1;
            Vector256<int> a2 = Vector256.Create(offsets[2]), b2 = a2, a3 = Vector256.Create(offsets[3]), b3 = a3;
            int* weights = (int*)(panel + Int8Panel.ScaleBytes) + output;
            for (int word = 0; word < WordsOfGroup; word++, weights += PackedMatrix.PanelOutputs, x += RowBlocks.Rows)
            {
                Prefetch(weights);
                Vector256<byte> wa = Vector256.Load(weights).AsByte(), wb = Vector256.Load(weights + Vector256<int>.Count).AsByte();
                Vector256<sbyte> row = Vector256.Create(x[0]).AsSByte();
                a0 = TDot.Add(a0, wa, row);
                b0 = TDot.Add(b0, wb, row);
                row = Vector256.Create(x[1]).AsSByte();
                a1 = TDot.Add(a1, wa, row);
                b1 = TDot.Add(b1, wb, row);
                row = Vector256.Create(x[2]).AsSByte();
                a2 = TDot.Add(a2, wa, row);
                b2 = TDot.Add(b2, wb, row);
                row = Vector256.Create(x[3]).AsSByte();
                a3 = TDot.Add(a3, wa, row);
                b3 = TDot.Add(b3, wb, row);
            }

            Add((float*)panel + output, scales[0], a0, b0, ref sumA0, ref sumB0);
            Add((float*)panel + output, scales[1], a1, b1, ref sumA1, ref sumB1);
            Add((float*)panel + output, scales[2], a2, b2, ref sumA2, ref sumB2);
            Add((float*)panel + output, scales[3], a3, b3, ref sumA3, ref sumB3);
        }

        Store(tile, sumA0, sumB0);
        Store(tile + PackedMatrix.PanelOutputs, sumA1, sumB1);
        Store(tile + 2 * PackedMatrix.PanelOutputs, sumA2, sumB2);
        Store(tile + 3 * PackedMatrix.PanelOutputs, sumA3, sumB3);
    }

    /// <summary>Adds the integers of a group, times the scales of weights and row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* weightScales, float rowScale, Vector256<int> a, Vector256<int> b, ref Vector256<float> sumA, ref Vector256<float> sumB)
    {
        Vector256<float> row = Vector256.Create(rowScale);
        sumA = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(a), Vector256.Load(weightScales) * row, sumA);
        sumB = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(b), Vector256.Load(weightScales + Vector256<float>.Count) * row, sumB);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector256<float> a, Vector256<float> b)
    {
        Vector256.Store(a, target);
        Vector256.Store(b, target + Vector256<float>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(int* weights)
    {
        if (SoftwarePrefetch.IsOn)
            Sse.Prefetch1((byte*)weights + MatMulInt8.PrefetchBytes);
    }
}
