using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using AgentRollout.RolloutEngine.Cache;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <content>The outputs: weights times values.</content>
internal static unsafe partial class Attention
{
    /// <summary>output[row, d] = Σt weights[row, t] · values[t, d]</summary>
    /// <param name="weights">[row][weightStride]</param>
    /// <param name="values">Pages of [16 slots][valueDim] in <typeparamref name="TFormat"/>.</param>
    /// <param name="tokens">Tokens that count.</param>
    /// <param name="valueDim">The head dimension rounded up to a multiple of 32.</param>
    /// <param name="output">[row][valueDim]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumValues<TSimd, TVector, TFormat>(
        float* weights, nint weightStride, int rows, PageBlocks values, int tokens, int valueDim, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        for (int row = 0, together; row < rows; row += together)
        {
            together = Together(TSimd.Width, rows - row);
            int taken = Math.Min(together, rows - row);
            float* weight = weights + row * weightStride, target = output + row * valueDim;
            for (int d = 0; d < valueDim; d += 2 * TSimd.Width)
            {
                if (together == 1)
                    SumOfOne<TSimd, TVector, TFormat>(weight, values, first: 0, tokens, valueDim, d, target + d);
                else if (together == 2)
                    SumOfTwo<TSimd, TVector, TFormat>(weight, weightStride, values, tokens, valueDim, d, target + d);
                else if (together == 4)
                    SumOfFour<TSimd, TVector, TFormat>(weight, weightStride, taken, values, tokens, valueDim, d, target + d);
                else
                    SumOfEight<TSimd, TVector, TFormat>(weight, weightStride, taken, values, tokens, valueDim, d, target + d);
            }
        }
    }

    /// <summary>output[d] += Σt weights[t] · values[t, d] for the tokens from <paramref name="first"/>, which is not 0, up to <paramref name="tokens"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddValues<TSimd, TVector, TFormat>(float* weights, PageBlocks values, int first, int tokens, int valueDim, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        for (int d = 0; d < valueDim; d += 2 * TSimd.Width)
            SumOfOne<TSimd, TVector, TFormat>(weights, values, first, tokens, valueDim, d, output + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOfEight<TSimd, TVector, TFormat>(
        float* w0, nint stride, int rows, PageBlocks values, int tokens, int valueDim, int d, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        int sixth = Math.Min(5, rows - 1), seventh = Math.Min(6, rows - 1), eighth = Math.Min(7, rows - 1), next = d + TSimd.Width;
        float* w1 = w0 + stride, w2 = w1 + stride, w3 = w2 + stride, w4 = w3 + stride, w5 = w0 + sixth * stride, w6 = w0 + seventh * stride, w7 = w0 + eighth * stride;
        nint pairBytes = (nint)valueDim * TFormat.OutputBytes;
        TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero, a4 = TSimd.Zero, a5 = TSimd.Zero, a6 = TSimd.Zero, a7 = TSimd.Zero;
        TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero, b4 = TSimd.Zero, b5 = TSimd.Zero, b6 = TSimd.Zero, b7 = TSimd.Zero;
        nint t = 0;
        for (int page = 0; t < tokens; page++)
        {
            byte* pair = values[page], ahead = values[Math.Min(page + 1, (tokens - 1) / PagePool.PageTokens)] + (nint)d * TFormat.OutputBytes;
            nint end = Math.Min(tokens, t + PagePool.PageTokens);
            for (; t + 2 <= end; t += 2, pair += pairBytes, ahead += pairBytes)
            {
                Prefetch(ahead);
                TVector va = TFormat.LoadEven<TSimd, TVector>(pair, d), vb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                Accumulate<TSimd, TVector>(w0[t], w1[t], w2[t], w3[t], va, vb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
                Accumulate<TSimd, TVector>(w4[t], w5[t], w6[t], w7[t], va, vb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
                va = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, d);
                vb = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, next);
                Accumulate<TSimd, TVector>(w0[t + 1], w1[t + 1], w2[t + 1], w3[t + 1], va, vb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
                Accumulate<TSimd, TVector>(w4[t + 1], w5[t + 1], w6[t + 1], w7[t + 1], va, vb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
            }

            if (t >= end)
                continue;
            TVector la = TFormat.LoadEven<TSimd, TVector>(pair, d), lb = TFormat.LoadEven<TSimd, TVector>(pair, next);
            Accumulate<TSimd, TVector>(w0[t], w1[t], w2[t], w3[t], la, lb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(w4[t], w5[t], w6[t], w7[t], la, lb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
            t++;
        }

        Store<TSimd, TVector>(output, a0, b0, TSimd.Width);
        Store<TSimd, TVector>(output + valueDim, a1, b1, TSimd.Width);
        Store<TSimd, TVector>(output + 2 * valueDim, a2, b2, TSimd.Width);
        Store<TSimd, TVector>(output + 3 * valueDim, a3, b3, TSimd.Width);
        Store<TSimd, TVector>(output + 4 * valueDim, a4, b4, TSimd.Width);
        Store<TSimd, TVector>(output + sixth * valueDim, a5, b5, TSimd.Width);
        Store<TSimd, TVector>(output + seventh * valueDim, a6, b6, TSimd.Width);
        Store<TSimd, TVector>(output + eighth * valueDim, a7, b7, TSimd.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOfFour<TSimd, TVector, TFormat>(
        float* w0, nint stride, int rows, PageBlocks values, int tokens, int valueDim, int d, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        int third = Math.Min(2, rows - 1), fourth = Math.Min(3, rows - 1), next = d + TSimd.Width;
        float* w1 = w0 + stride, w2 = w0 + third * stride, w3 = w0 + fourth * stride;
        nint pairBytes = (nint)valueDim * TFormat.OutputBytes;
        TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero;
        TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero;
        nint token = 0;
        for (int page = 0; token < tokens; page++)
        {
            byte* pair = values[page], ahead = values[Math.Min(page + 1, (tokens - 1) / PagePool.PageTokens)] + (nint)d * TFormat.OutputBytes;
            nint end = Math.Min(tokens, token + PagePool.PageTokens);
            for (; token + 2 <= end; token += 2, pair += pairBytes, ahead += pairBytes)
            {
                Prefetch(ahead);
                TVector va = TFormat.LoadEven<TSimd, TVector>(pair, d), vb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                Accumulate<TSimd, TVector>(w0[token], w1[token], w2[token], w3[token], va, vb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
                va = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, d);
                vb = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, next);
                Accumulate<TSimd, TVector>(
                    w0[token + 1], w1[token + 1], w2[token + 1], w3[token + 1], va, vb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            }

            if (token >= end)
                continue;
            TVector la = TFormat.LoadEven<TSimd, TVector>(pair, d), lb = TFormat.LoadEven<TSimd, TVector>(pair, next);
            Accumulate<TSimd, TVector>(w0[token], w1[token], w2[token], w3[token], la, lb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            token++;
        }

        Store<TSimd, TVector>(output, a0, b0, TSimd.Width);
        Store<TSimd, TVector>(output + valueDim, a1, b1, TSimd.Width);
        Store<TSimd, TVector>(output + third * valueDim, a2, b2, TSimd.Width);
        Store<TSimd, TVector>(output + fourth * valueDim, a3, b3, TSimd.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOfTwo<TSimd, TVector, TFormat>(float* w0, nint stride, PageBlocks values, int tokens, int valueDim, int d, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* w1 = w0 + stride;
        nint pairBytes = (nint)valueDim * TFormat.OutputBytes;
        int next = d + TSimd.Width;
        TVector a0 = TSimd.Zero, a1 = TSimd.Zero, b0 = TSimd.Zero, b1 = TSimd.Zero;
        nint token = 0;
        for (int page = 0; token < tokens; page++)
        {
            byte* pair = values[page], ahead = values[Math.Min(page + 1, (tokens - 1) / PagePool.PageTokens)] + (nint)d * TFormat.OutputBytes;
            nint end = Math.Min(tokens, token + PagePool.PageTokens);
            for (; token + 2 <= end; token += 2, pair += pairBytes, ahead += pairBytes)
            {
                Prefetch(ahead);
                TVector va = TFormat.LoadEven<TSimd, TVector>(pair, d), vb = TFormat.LoadEven<TSimd, TVector>(pair, next);
                Accumulate<TSimd, TVector>(w0[token], w1[token], va, vb, ref a0, ref b0, ref a1, ref b1);
                va = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, d);
                vb = TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, next);
                Accumulate<TSimd, TVector>(w0[token + 1], w1[token + 1], va, vb, ref a0, ref b0, ref a1, ref b1);
            }

            if (token >= end)
                continue;
            TVector la = TFormat.LoadEven<TSimd, TVector>(pair, d), lb = TFormat.LoadEven<TSimd, TVector>(pair, next);
            Accumulate<TSimd, TVector>(w0[token], w1[token], la, lb, ref a0, ref b0, ref a1, ref b1);
            token++;
        }

        Store<TSimd, TVector>(output, a0, b0, TSimd.Width);
        Store<TSimd, TVector>(output + valueDim, a1, b1, TSimd.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOfOne<TSimd, TVector, TFormat>(float* weights, PageBlocks values, int first, int tokens, int valueDim, int d, float* output)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        nint pairBytes = (nint)valueDim * TFormat.OutputBytes;
        int next = d + TSimd.Width;
        TVector a = first > 0 ? TSimd.Load(output) : TSimd.Zero, b = first > 0 ? TSimd.Load(output + TSimd.Width) : TSimd.Zero;
        for (int token = first; token < tokens; token++)
        {
            byte* pair = values[token / PagePool.PageTokens] + token % PagePool.PageTokens / 2 * pairBytes;
            TVector weight = TSimd.Broadcast(weights[token]);
            bool even = token % 2 == 0;
            a = TSimd.MultiplyAdd(even ? TFormat.LoadEven<TSimd, TVector>(pair, d) : TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, d), weight, a);
            b = TSimd.MultiplyAdd(even ? TFormat.LoadEven<TSimd, TVector>(pair, next) : TFormat.LoadOdd<TSimd, TVector>(pair, valueDim, next), weight, b);
        }

        Store<TSimd, TVector>(output, a, b, TSimd.Width);
    }

    /// <summary>Asks for the lines of the next page that will be used at this place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* ahead)
    {
        if (!SoftwarePrefetch.IsOn)
            return;
        Sse.Prefetch0(ahead);
        Sse.Prefetch0(ahead + CacheLine);
    }
}
