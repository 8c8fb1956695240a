using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Rows of bfloat16 times one panel of bfloat16 weights, summed in floats. Of each pair of inputs the odd one is added first, then the even
/// one, each with one rounding: the order of <c>vdpbf16ps</c> (Intel's Software Developer's Manual), so that this portable code and
/// <see cref="BFloat16Code"/> are twins to the bit, as long as no sum lies below 2^-126, where that instruction makes it zero.
/// </summary>
internal static unsafe class MatMulPairs
{
    private const uint UpperHalf = 0xFFFF0000;

    /// <summary>tile[row, 0..32] = Σk input[row, k] · weight[k, 0..32]</summary>
    /// <param name="input">Blocks of four rows, each [pair][4] words.</param>
    /// <param name="blockStride">Words from one block to the next.</param>
    /// <param name="panel">As <see cref="BFloat16Panel"/> lays it out.</param>
    /// <param name="tile">[row][32] with room for whole blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TSimd, TVector>(uint* input, nint blockStride, int rows, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int blocks = RowBlocks.CountFor(rows); blocks > 0; blocks--)
        {
            for (int output = 0; output < PackedMatrix.PanelOutputs; output += TSimd.Width)
                Block<TSimd, TVector>(input, (uint*)panel + output, pairs, tile + output);
            input += blockStride;
            tile += RowBlocks.Rows * PackedMatrix.PanelOutputs;
        }
    }

    /// <summary>Four rows, one vector of outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TSimd, TVector>(uint* x, uint* weights, int pairs, float* tile) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero;
        for (int pair = 0; pair < pairs; pair++, x += RowBlocks.Rows, weights += PackedMatrix.PanelOutputs)
        {
            TVector odd = TSimd.LoadHighHalves(weights), even = TSimd.LoadLowHalves(weights);
            a0 = TSimd.MultiplyAdd(even, Even<TSimd, TVector>(x[0]), TSimd.MultiplyAdd(odd, Odd<TSimd, TVector>(x[0]), a0));
            a1 = TSimd.MultiplyAdd(even, Even<TSimd, TVector>(x[1]), TSimd.MultiplyAdd(odd, Odd<TSimd, TVector>(x[1]), a1));
            a2 = TSimd.MultiplyAdd(even, Even<TSimd, TVector>(x[2]), TSimd.MultiplyAdd(odd, Odd<TSimd, TVector>(x[2]), a2));
            a3 = TSimd.MultiplyAdd(even, Even<TSimd, TVector>(x[3]), TSimd.MultiplyAdd(odd, Odd<TSimd, TVector>(x[3]), a3));
        }

        TSimd.Store(a0, tile);
        TSimd.Store(a1, tile + PackedMatrix.PanelOutputs);
        TSimd.Store(a2, tile + 2 * PackedMatrix.PanelOutputs);
        TSimd.Store(a3, tile + 3 * PackedMatrix.PanelOutputs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Even<TSimd, TVector>(uint word) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Broadcast(BitConverter.UInt32BitsToSingle(word << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Odd<TSimd, TVector>(uint word) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Broadcast(BitConverter.UInt32BitsToSingle(word & UpperHalf));
}
