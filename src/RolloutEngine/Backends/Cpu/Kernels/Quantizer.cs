using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Turns a block of rows into bytes: each group of 64 inputs of a row is scaled so that its largest magnitude is 127.</summary>
internal static unsafe class Quantizer
{
    /// <summary>1.5·2^23: adding it rounds to the nearest integer and leaves that integer in the low mantissa bits.</summary>
    public const float Rounder = 12582912f;

    private const int GroupNumbers = Int8Panel.GroupInputs * RowBlocks.Rows;

    /// <param name="block">[input][4], padded with zeros to whole groups.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Block<TSimd, TVector>(float* block, QuantizedRows output) where TSimd : ISimd<TVector> where TVector : struct
    {
        int* rounded = stackalloc int[GroupNumbers];
        float* scales = stackalloc float[Lanes.Count];
        for (int group = 0; group < output.Groups; group++, block += GroupNumbers)
        {
            Scale<TSimd, TVector>(block, scales, output.Scales + group * RowBlocks.Rows);
            for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
            {
                TVector scale = TSimd.Load(scales + lane), rounder = TSimd.Broadcast(Rounder);
                for (int i = lane; i < GroupNumbers; i += Lanes.Count)
                    TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(block + i), scale, rounder), (float*)rounded + i);
            }

            Pack(rounded, (uint*)output.Values + group * GroupNumbers / Int8Panel.InputsOfWord, output.Offsets + group * RowBlocks.Rows);
        }
    }

    /// <summary>Finds the scales of four rows, and the inverse scale for each lane. Rows that are not numbers get a scale that is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TSimd, TVector>(float* block, float* inverses, float* scales) where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector most = Magnitude<TSimd, TVector>(block + lane);
            for (int i = lane + Lanes.Count; i < GroupNumbers; i += Lanes.Count)
                most = TSimd.Max(most, Magnitude<TSimd, TVector>(block + i));
            TSimd.Store(most, inverses + lane);
        }

        for (int row = 0; row < RowBlocks.Rows; row++)
        {
            float most = inverses[row];
            for (int lane = row + RowBlocks.Rows; lane < Lanes.Count; lane += RowBlocks.Rows)
                most = most > inverses[lane] ? most : inverses[lane];
            scales[row] = most / Int8Panel.Most;
            float inverse = most > 0 ? Int8Panel.Most / most : 0;
            for (int lane = row; lane < Lanes.Count; lane += RowBlocks.Rows)
                inverses[lane] = inverse;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Magnitude<TSimd, TVector>(float* source) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector value = TSimd.Load(source);
        return TSimd.Max(TSimd.Subtract(TSimd.Zero, value), value);
    }

    /// <summary>The low bytes of [input][4] numbers as [input / 4][4] words: a lane stays with its row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pack(int* rounded, uint* words, int* offsets)
    {
        Vector128<int> sum = Vector128<int>.Zero;
        for (int i = 0; i < GroupNumbers; i += RowBlocks.Rows * Int8Panel.InputsOfWord, words += RowBlocks.Rows)
        {
            Vector128<int> word = Vector128<int>.Zero;
            for (int k = 0; k < Int8Panel.InputsOfWord; k++)
            {
                Vector128<int> highest = Vector128.Load(rounded + i + k * RowBlocks.Rows) << 24;
                sum += highest >> 24;
                word |= (highest.AsUInt32() >> (24 - 8 * k)).AsInt32();
            }

            Vector128.Store(word.AsUInt32(), words);
        }

        Vector128.Store(sum * -128, offsets);
    }
}
