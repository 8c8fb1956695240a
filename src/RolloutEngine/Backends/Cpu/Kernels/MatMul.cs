// Longer than most files: the accumulators are written out per row count, because only named locals stay in registers.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Rows of activations times one panel of weights. An output element is one fused multiply-add chain over k = 0, 1, 2, … in one
/// accumulator, whatever the number of rows, the width or the caller: that is why a row's result does not depend on its batch. Rows come
/// in blocks of four, so that a kernel follows one pointer per block, and up to twelve share one pass over the weights.
/// </summary>
internal static unsafe class MatMul
{
    /// <summary>How far ahead of the weights in use memory is asked for more: the latency of DRAM at the pace of one core.</summary>
    private const int PrefetchBytes = 4096;

    private const int CacheLine = 64;

    /// <summary>tile[row, 0..32] = Σk input[row, k] · weight[k, 0..32]</summary>
    /// <param name="input">Blocks of four rows, each [k][4]; zero from the last input up to an even count.</param>
    /// <param name="blockStride">Floats from one block to the next.</param>
    /// <param name="panel">Weights as <typeparamref name="TFormat"/> lays them out.</param>
    /// <param name="pairs">Inputs, in pairs.</param>
    /// <param name="tile">[row][32] with room for whole blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TSimd, TVector, TFormat>(float* input, nint blockStride, int rows, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        if (rows == 1)
        {
            OneRow<TSimd, TVector, TFormat>(input, panel, pairs, tile);
            return;
        }

        // Twenty-four accumulators fit only the 32 registers that come with 16 lanes. Four blocks are better done as two and two.
        int blocks = RowBlocks.CountFor(rows), most = TSimd.Width == Lanes.Count ? 3 : 1;
        while (blocks > 0)
        {
            int taken = blocks == 4 ? Math.Min(2, most) : Math.Min(blocks, most);
            if (taken == 3)
                TwelveRows<TSimd, TVector, TFormat>(input, blockStride, panel, pairs, tile);
            else if (taken == 2)
                EightRows<TSimd, TVector, TFormat>(input, blockStride, panel, pairs, tile);
            else
                FourRows<TSimd, TVector, TFormat>(input, panel, pairs, tile);
            blocks -= taken;
            input += taken * blockStride;
            tile += taken * RowBlocks.Rows * PackedMatrix.PanelOutputs;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow<TSimd, TVector, TFormat>(float* x, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        for (int output = 0; output < PackedMatrix.PanelOutputs; output += 2 * TSimd.Width)
        {
            int next = output + TSimd.Width;
            TVector a = TSimd.Zero, b = TSimd.Zero;
            byte* pair = panel;
            for (nint k = 0; k < 2 * RowBlocks.Rows * (nint)pairs; k += 2 * RowBlocks.Rows, pair += TFormat.OutputBytes * PackedMatrix.PanelOutputs)
            {
                Prefetch<TFormat>(pair);
                TVector even = TSimd.Broadcast(x[k]), odd = TSimd.Broadcast(x[k + RowBlocks.Rows]);
                a = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(pair, output), even, a);
                b = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(pair, next), even, b);
                a = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(pair, PackedMatrix.PanelOutputs, output), odd, a);
                b = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(pair, PackedMatrix.PanelOutputs, next), odd, b);
            }

            Store<TSimd, TVector>(tile + output, a, b);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows<TSimd, TVector, TFormat>(float* x, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        for (int output = 0; output < PackedMatrix.PanelOutputs; output += 2 * TSimd.Width)
        {
            int next = output + TSimd.Width;
            TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
            TVector a2 = TSimd.Zero, b2 = TSimd.Zero, a3 = TSimd.Zero, b3 = TSimd.Zero;
            byte* pair = panel;
            for (nint k = 0; k < 2 * RowBlocks.Rows * (nint)pairs; k += 2 * RowBlocks.Rows, pair += TFormat.OutputBytes * PackedMatrix.PanelOutputs)
            {
                Prefetch<TFormat>(pair);
                TVector wa = TFormat.LoadEven<TSimd, TVector>(pair, output), wb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                Accumulate<TSimd, TVector>(x + k, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);

                wa = TFormat.LoadOdd<TSimd, TVector>(pair, PackedMatrix.PanelOutputs, output);
                wb = TFormat.LoadOdd<TSimd, TVector>(pair, PackedMatrix.PanelOutputs, next);
                Accumulate<TSimd, TVector>(x + k + RowBlocks.Rows, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            }

            Store<TSimd, TVector>(tile + output, a0, b0, a1, b1, a2, b2, a3, b3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightRows<TSimd, TVector, TFormat>(float* input, nint blockStride, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* x = input, y = input + blockStride;
        TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
        TVector a2 = TSimd.Zero, b2 = TSimd.Zero, a3 = TSimd.Zero, b3 = TSimd.Zero;
        TVector a4 = TSimd.Zero, b4 = TSimd.Zero, a5 = TSimd.Zero, b5 = TSimd.Zero;
        TVector a6 = TSimd.Zero, b6 = TSimd.Zero, a7 = TSimd.Zero, b7 = TSimd.Zero;
        for (nint k = 0; k < 2 * RowBlocks.Rows * (nint)pairs; k += 2 * RowBlocks.Rows, panel += TFormat.OutputBytes * PackedMatrix.PanelOutputs)
        {
            Prefetch<TFormat>(panel);
            TVector wa = TFormat.LoadEven<TSimd, TVector>(panel, 0), wb = TFormat.LoadEven<TSimd, TVector>(panel, TSimd.Width);
            Accumulate<TSimd, TVector>(x + k, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(y + k, wa, wb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);

            wa = TFormat.LoadOdd<TSimd, TVector>(panel, PackedMatrix.PanelOutputs, 0);
            wb = TFormat.LoadOdd<TSimd, TVector>(panel, PackedMatrix.PanelOutputs, TSimd.Width);
            Accumulate<TSimd, TVector>(x + k + RowBlocks.Rows, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(y + k + RowBlocks.Rows, wa, wb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
        }

        Store<TSimd, TVector>(tile, a0, b0, a1, b1, a2, b2, a3, b3);
        Store<TSimd, TVector>(tile + RowBlocks.Rows * PackedMatrix.PanelOutputs, a4, b4, a5, b5, a6, b6, a7, b7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwelveRows<TSimd, TVector, TFormat>(float* input, nint blockStride, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* x = input, y = x + blockStride, z = y + blockStride;
        TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
        TVector a2 = TSimd.Zero, b2 = TSimd.Zero, a3 = TSimd.Zero, b3 = TSimd.Zero;
        TVector a4 = TSimd.Zero, b4 = TSimd.Zero, a5 = TSimd.Zero, b5 = TSimd.Zero;
        TVector a6 = TSimd.Zero, b6 = TSimd.Zero, a7 = TSimd.Zero, b7 = TSimd.Zero;
        TVector a8 = TSimd.Zero, b8 = TSimd.Zero, a9 = TSimd.Zero, b9 = TSimd.Zero;
        TVector a10 = TSimd.Zero, b10 = TSimd.Zero, a11 = TSimd.Zero, b11 = TSimd.Zero;
        for (nint k = 0; k < 2 * RowBlocks.Rows * (nint)pairs; k += 2 * RowBlocks.Rows, panel += TFormat.OutputBytes * PackedMatrix.PanelOutputs)
        {
            Prefetch<TFormat>(panel);
            TVector wa = TFormat.LoadEven<TSimd, TVector>(panel, 0), wb = TFormat.LoadEven<TSimd, TVector>(panel, TSimd.Width);
            Accumulate<TSimd, TVector>(x + k, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(y + k, wa, wb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
            Accumulate<TSimd, TVector>(z + k, wa, wb, ref a8, ref b8, ref a9, ref b9, ref a10, ref b10, ref a11, ref b11);

            wa = TFormat.LoadOdd<TSimd, TVector>(panel, PackedMatrix.PanelOutputs, 0);
            wb = TFormat.LoadOdd<TSimd, TVector>(panel, PackedMatrix.PanelOutputs, TSimd.Width);
            Accumulate<TSimd, TVector>(x + k + RowBlocks.Rows, wa, wb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(y + k + RowBlocks.Rows, wa, wb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
            Accumulate<TSimd, TVector>(z + k + RowBlocks.Rows, wa, wb, ref a8, ref b8, ref a9, ref b9, ref a10, ref b10, ref a11, ref b11);
        }

        Store<TSimd, TVector>(tile, a0, b0, a1, b1, a2, b2, a3, b3);
        Store<TSimd, TVector>(tile + RowBlocks.Rows * PackedMatrix.PanelOutputs, a4, b4, a5, b5, a6, b6, a7, b7);
        Store<TSimd, TVector>(tile + 2 * RowBlocks.Rows * PackedMatrix.PanelOutputs, a8, b8, a9, b9, a10, b10, a11, b11);
    }

    /// <summary>Adds one input of four rows, x[0..4], times its weights for two vectors of outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate<TSimd, TVector>(
        float* x, TVector wa, TVector wb, ref TVector a0, ref TVector b0, ref TVector a1, ref TVector b1, ref TVector a2, ref TVector b2, ref TVector a3, ref TVector b3)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector row = TSimd.Broadcast(x[0]);
        a0 = TSimd.MultiplyAdd(wa, row, a0);
        b0 = TSimd.MultiplyAdd(wb, row, b0);
        row = TSimd.Broadcast(x[1]);
        a1 = TSimd.MultiplyAdd(wa, row, a1);
        b1 = TSimd.MultiplyAdd(wb, row, b1);
        row = TSimd.Broadcast(x[2]);
        a2 = TSimd.MultiplyAdd(wa, row, a2);
        b2 = TSimd.MultiplyAdd(wb, row, b2);
        row = TSimd.Broadcast(x[3]);
        a3 = TSimd.MultiplyAdd(wa, row, a3);
        b3 = TSimd.MultiplyAdd(wb, row, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TVector>(
        float* tile, TVector a0, TVector b0, TVector a1, TVector b1, TVector a2, TVector b2, TVector a3, TVector b3)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        Store<TSimd, TVector>(tile, a0, b0);
        Store<TSimd, TVector>(tile + PackedMatrix.PanelOutputs, a1, b1);
        Store<TSimd, TVector>(tile + 2 * PackedMatrix.PanelOutputs, a2, b2);
        Store<TSimd, TVector>(tile + 3 * PackedMatrix.PanelOutputs, a3, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TVector>(float* target, TVector a, TVector b) where TSimd : ISimd<TVector> where TVector : struct
    {
        TSimd.Store(a, target);
        TSimd.Store(b, target + TSimd.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TFormat>(byte* pair) where TFormat : IPanelFormat
    {
        if (!SoftwarePrefetch.IsOn)
            return;
        Sse.Prefetch1(pair + PrefetchBytes);
        Sse.Prefetch1(pair + PrefetchBytes + CacheLine);
        if (TFormat.OutputBytes * PackedMatrix.PanelOutputs == 2 * CacheLine)
            return;
        Sse.Prefetch1(pair + PrefetchBytes + 2 * CacheLine);
        Sse.Prefetch1(pair + PrefetchBytes + 3 * CacheLine);
    }
}
