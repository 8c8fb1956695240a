// Longer than most files: the accumulators are written out per row count, because only named locals stay in registers.
using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Rows of activations times one panel of weights. An output element is one fused multiply-add chain over k = 0, 1, 2, … in one
/// accumulator, whatever the number of rows, the width or the caller: that is why a row's result does not depend on its batch.
/// </summary>
internal static unsafe class MatMul
{
    /// <summary>tile[row, 0..32] = Σk input[row, k] · weight[k, 0..32]</summary>
    /// <param name="input">[row][inputStride]; zero from the last input up to an even count.</param>
    /// <param name="panel">Weights as <typeparamref name="TFormat"/> lays them out.</param>
    /// <param name="pairs">Inputs, in pairs.</param>
    /// <param name="tile">[row][32]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TSimd, TVector, TFormat>(float* input, nint inputStride, int rows, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        // Sixteen accumulators fit only the 32 registers that come with 16 lanes.
        for (; TSimd.Width == 16 && rows >= 8; rows -= 8, input += 8 * inputStride, tile += 8 * PackedMatrix.PanelOutputs)
            EightRows<TSimd, TVector, TFormat>(input, inputStride, panel, pairs, tile);
        for (; rows >= 4; rows -= 4, input += 4 * inputStride, tile += 4 * PackedMatrix.PanelOutputs)
            FourRows<TSimd, TVector, TFormat>(input, inputStride, panel, pairs, tile);

        if (rows >= 2)
        {
            TwoRows<TSimd, TVector, TFormat>(input, inputStride, panel, pairs, tile);
            rows -= 2;
            input += 2 * inputStride;
            tile += 2 * PackedMatrix.PanelOutputs;
        }

        if (rows == 1)
            OneRow<TSimd, TVector, TFormat>(input, panel, pairs, tile);
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
            for (nint k = 0; k < 2 * (nint)pairs; k += 2, pair += TFormat.PairBytes)
            {
                TVector even = TSimd.Broadcast(x[k]), odd = TSimd.Broadcast(x[k + 1]);
                a = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(pair, output), even, a);
                b = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(pair, next), even, b);
                a = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(pair, output), odd, a);
                b = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(pair, next), odd, b);
            }

            TSimd.Store(a, tile + output);
            TSimd.Store(b, tile + next);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoRows<TSimd, TVector, TFormat>(float* input, nint stride, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* x0 = input, x1 = x0 + stride;
        for (int output = 0; output < PackedMatrix.PanelOutputs; output += 2 * TSimd.Width)
        {
            int next = output + TSimd.Width;
            TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
            byte* pair = panel;
            for (nint k = 0; k < 2 * (nint)pairs; k += 2, pair += TFormat.PairBytes)
            {
                TVector wa = TFormat.LoadEven<TSimd, TVector>(pair, output);
                TVector wb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                TVector x = TSimd.Broadcast(x0[k]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));

                wa = TFormat.LoadOdd<TSimd, TVector>(pair, output);
                wb = TFormat.LoadOdd<TSimd, TVector>(pair, next);
                x = TSimd.Broadcast(x0[k + 1]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k + 1]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));
            }

            Store<TSimd, TVector>(tile + output, a0, b0);
            Store<TSimd, TVector>(tile + PackedMatrix.PanelOutputs + output, a1, b1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows<TSimd, TVector, TFormat>(float* input, nint stride, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* x0 = input, x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride;
        for (int output = 0; output < PackedMatrix.PanelOutputs; output += 2 * TSimd.Width)
        {
            int next = output + TSimd.Width;
            TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
            TVector a2 = TSimd.Zero, b2 = TSimd.Zero, a3 = TSimd.Zero, b3 = TSimd.Zero;
            byte* pair = panel;
            for (nint k = 0; k < 2 * (nint)pairs; k += 2, pair += TFormat.PairBytes)
            {
                TVector wa = TFormat.LoadEven<TSimd, TVector>(pair, output);
                TVector wb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                TVector x = TSimd.Broadcast(x0[k]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));
                x = TSimd.Broadcast(x2[k]);
                (a2, b2) = (TSimd.MultiplyAdd(wa, x, a2), TSimd.MultiplyAdd(wb, x, b2));
                x = TSimd.Broadcast(x3[k]);
                (a3, b3) = (TSimd.MultiplyAdd(wa, x, a3), TSimd.MultiplyAdd(wb, x, b3));

                wa = TFormat.LoadOdd<TSimd, TVector>(pair, output);
                wb = TFormat.LoadOdd<TSimd, TVector>(pair, next);
                x = TSimd.Broadcast(x0[k + 1]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k + 1]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));
                x = TSimd.Broadcast(x2[k + 1]);
                (a2, b2) = (TSimd.MultiplyAdd(wa, x, a2), TSimd.MultiplyAdd(wb, x, b2));
                x = TSimd.Broadcast(x3[k + 1]);
                (a3, b3) = (TSimd.MultiplyAdd(wa, x, a3), TSimd.MultiplyAdd(wb, x, b3));
            }

            Store<TSimd, TVector>(tile + output, a0, b0);
            Store<TSimd, TVector>(tile + PackedMatrix.PanelOutputs + output, a1, b1);
            Store<TSimd, TVector>(tile + 2 * PackedMatrix.PanelOutputs + output, a2, b2);
            Store<TSimd, TVector>(tile + 3 * PackedMatrix.PanelOutputs + output, a3, b3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightRows<TSimd, TVector, TFormat>(float* input, nint stride, byte* panel, int pairs, float* tile)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* x0 = input, x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride;
        float* x4 = x3 + stride, x5 = x4 + stride, x6 = x5 + stride, x7 = x6 + stride;
        for (int output = 0; output < PackedMatrix.PanelOutputs; output += 2 * TSimd.Width)
        {
            int next = output + TSimd.Width;
            TVector a0 = TSimd.Zero, b0 = TSimd.Zero, a1 = TSimd.Zero, b1 = TSimd.Zero;
            TVector a2 = TSimd.Zero, b2 = TSimd.Zero, a3 = TSimd.Zero, b3 = TSimd.Zero;
            TVector a4 = TSimd.Zero, b4 = TSimd.Zero, a5 = TSimd.Zero, b5 = TSimd.Zero;
            TVector a6 = TSimd.Zero, b6 = TSimd.Zero, a7 = TSimd.Zero, b7 = TSimd.Zero;
            byte* pair = panel;
            for (nint k = 0; k < 2 * (nint)pairs; k += 2, pair += TFormat.PairBytes)
            {
                TVector wa = TFormat.LoadEven<TSimd, TVector>(pair, output);
                TVector wb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                TVector x = TSimd.Broadcast(x0[k]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));
                x = TSimd.Broadcast(x2[k]);
                (a2, b2) = (TSimd.MultiplyAdd(wa, x, a2), TSimd.MultiplyAdd(wb, x, b2));
                x = TSimd.Broadcast(x3[k]);
                (a3, b3) = (TSimd.MultiplyAdd(wa, x, a3), TSimd.MultiplyAdd(wb, x, b3));
                x = TSimd.Broadcast(x4[k]);
                (a4, b4) = (TSimd.MultiplyAdd(wa, x, a4), TSimd.MultiplyAdd(wb, x, b4));
                x = TSimd.Broadcast(x5[k]);
                (a5, b5) = (TSimd.MultiplyAdd(wa, x, a5), TSimd.MultiplyAdd(wb, x, b5));
                x = TSimd.Broadcast(x6[k]);
                (a6, b6) = (TSimd.MultiplyAdd(wa, x, a6), TSimd.MultiplyAdd(wb, x, b6));
                x = TSimd.Broadcast(x7[k]);
                (a7, b7) = (TSimd.MultiplyAdd(wa, x, a7), TSimd.MultiplyAdd(wb, x, b7));

                wa = TFormat.LoadOdd<TSimd, TVector>(pair, output);
                wb = TFormat.LoadOdd<TSimd, TVector>(pair, next);
                x = TSimd.Broadcast(x0[k + 1]);
                (a0, b0) = (TSimd.MultiplyAdd(wa, x, a0), TSimd.MultiplyAdd(wb, x, b0));
                x = TSimd.Broadcast(x1[k + 1]);
                (a1, b1) = (TSimd.MultiplyAdd(wa, x, a1), TSimd.MultiplyAdd(wb, x, b1));
                x = TSimd.Broadcast(x2[k + 1]);
                (a2, b2) = (TSimd.MultiplyAdd(wa, x, a2), TSimd.MultiplyAdd(wb, x, b2));
                x = TSimd.Broadcast(x3[k + 1]);
                (a3, b3) = (TSimd.MultiplyAdd(wa, x, a3), TSimd.MultiplyAdd(wb, x, b3));
                x = TSimd.Broadcast(x4[k + 1]);
                (a4, b4) = (TSimd.MultiplyAdd(wa, x, a4), TSimd.MultiplyAdd(wb, x, b4));
                x = TSimd.Broadcast(x5[k + 1]);
                (a5, b5) = (TSimd.MultiplyAdd(wa, x, a5), TSimd.MultiplyAdd(wb, x, b5));
                x = TSimd.Broadcast(x6[k + 1]);
                (a6, b6) = (TSimd.MultiplyAdd(wa, x, a6), TSimd.MultiplyAdd(wb, x, b6));
                x = TSimd.Broadcast(x7[k + 1]);
                (a7, b7) = (TSimd.MultiplyAdd(wa, x, a7), TSimd.MultiplyAdd(wb, x, b7));
            }

            Store<TSimd, TVector>(tile + output, a0, b0);
            Store<TSimd, TVector>(tile + PackedMatrix.PanelOutputs + output, a1, b1);
            Store<TSimd, TVector>(tile + 2 * PackedMatrix.PanelOutputs + output, a2, b2);
            Store<TSimd, TVector>(tile + 3 * PackedMatrix.PanelOutputs + output, a3, b3);
            Store<TSimd, TVector>(tile + 4 * PackedMatrix.PanelOutputs + output, a4, b4);
            Store<TSimd, TVector>(tile + 5 * PackedMatrix.PanelOutputs + output, a5, b5);
            Store<TSimd, TVector>(tile + 6 * PackedMatrix.PanelOutputs + output, a6, b6);
            Store<TSimd, TVector>(tile + 7 * PackedMatrix.PanelOutputs + output, a7, b7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TVector>(float* target, TVector a, TVector b) where TSimd : ISimd<TVector> where TVector : struct
    {
        TSimd.Store(a, target);
        TSimd.Store(b, target + TSimd.Width);
    }
}
