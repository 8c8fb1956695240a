using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using AgentRollout.RolloutEngine.Cache;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <content>The scores: rows times keys.</content>
internal static unsafe partial class Attention
{
    /// <summary>scores[row, 16·page + slot] = Σd queries[row, d] · keys[page][d, slot]</summary>
    /// <param name="queries">[row][headDim]</param>
    /// <param name="keys">Pages of [headDim][16 slots] in <typeparamref name="TFormat"/>.</param>
    /// <param name="scores">[row][scoreStride], with room for an even number of pages.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores<TSimd, TVector, TFormat>(
        float* queries, int rows, int headDim, PageBlocks keys, int pages, float* scores, nint scoreStride)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        for (int row = 0, together; row < rows; row += together)
        {
            together = Together(TSimd.Width, rows - row);
            for (int page = 0; page < pages; page += 2)
            {
                float* query = queries + row * headDim, target = scores + row * scoreStride + page * PagePool.PageTokens;
                PagePair pair = new(keys, page, pages);
                if (together == 1)
                    ScoresOfOne<TSimd, TVector, TFormat>(query, headDim, pair, target);
                else if (together == 2)
                    ScoresOfTwo<TSimd, TVector, TFormat>(query, headDim, pair, target, scoreStride);
                else if (together == 4)
                    ScoresOfFour<TSimd, TVector, TFormat>(query, Math.Min(together, rows - row), headDim, pair, target, scoreStride);
                else
                    ScoresOfEight<TSimd, TVector, TFormat>(query, Math.Min(together, rows - row), headDim, pair, target, scoreStride);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfEight<TSimd, TVector, TFormat>(float* q0, int rows, int headDim, PagePair keys, float* s0, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* q1 = q0 + headDim, q2 = q1 + headDim, q3 = q2 + headDim, q4 = q3 + headDim;
        float* q5 = q0 + Math.Min(5, rows - 1) * headDim, q6 = q0 + Math.Min(6, rows - 1) * headDim, q7 = q0 + Math.Min(7, rows - 1) * headDim;
        byte* left = keys.Left, right = keys.Right;
        TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero, a4 = TSimd.Zero, a5 = TSimd.Zero, a6 = TSimd.Zero, a7 = TSimd.Zero;
        TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero, b4 = TSimd.Zero, b5 = TSimd.Zero, b6 = TSimd.Zero, b7 = TSimd.Zero;
        nint offset = 0;
        for (nint d = 0; d < headDim; d += 2, offset += Lanes.Count * TFormat.OutputBytes)
        {
            keys.Prefetch(offset);
            TVector ka = TFormat.LoadEven<TSimd, TVector>(left + offset, 0), kb = TFormat.LoadEven<TSimd, TVector>(right + offset, 0);
            Accumulate<TSimd, TVector>(q0[d], q1[d], q2[d], q3[d], ka, kb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(q4[d], q5[d], q6[d], q7[d], ka, kb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
            ka = TFormat.LoadOdd<TSimd, TVector>(left + offset, Lanes.Count, 0);
            kb = TFormat.LoadOdd<TSimd, TVector>(right + offset, Lanes.Count, 0);
            Accumulate<TSimd, TVector>(q0[d + 1], q1[d + 1], q2[d + 1], q3[d + 1], ka, kb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            Accumulate<TSimd, TVector>(q4[d + 1], q5[d + 1], q6[d + 1], q7[d + 1], ka, kb, ref a4, ref b4, ref a5, ref b5, ref a6, ref b6, ref a7, ref b7);
        }

        Store<TSimd, TVector>(s0, a0, b0, Lanes.Count);
        Store<TSimd, TVector>(s0 + stride, a1, b1, Lanes.Count);
        Store<TSimd, TVector>(s0 + 2 * stride, a2, b2, Lanes.Count);
        Store<TSimd, TVector>(s0 + 3 * stride, a3, b3, Lanes.Count);
        Store<TSimd, TVector>(s0 + 4 * stride, a4, b4, Lanes.Count);
        Store<TSimd, TVector>(s0 + Math.Min(5, rows - 1) * stride, a5, b5, Lanes.Count);
        Store<TSimd, TVector>(s0 + Math.Min(6, rows - 1) * stride, a6, b6, Lanes.Count);
        Store<TSimd, TVector>(s0 + Math.Min(7, rows - 1) * stride, a7, b7, Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfFour<TSimd, TVector, TFormat>(
        float* q0, int rows, int headDim, PagePair keys, float* s0, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        float* q1 = q0 + headDim, q2 = q0 + Math.Min(2, rows - 1) * headDim, q3 = q0 + Math.Min(3, rows - 1) * headDim;
        byte* left = keys.Left, right = keys.Right;
        float* s1 = s0 + stride, s2 = s0 + Math.Min(2, rows - 1) * stride, s3 = s0 + Math.Min(3, rows - 1) * stride;
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero;
            TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero;
            nint offset = 0;
            for (nint d = 0; d < headDim; d += 2, offset += Lanes.Count * TFormat.OutputBytes)
            {
                keys.Prefetch(offset);
                TVector ka = TFormat.LoadEven<TSimd, TVector>(left + offset, slot), kb = TFormat.LoadEven<TSimd, TVector>(right + offset, slot);
                Accumulate<TSimd, TVector>(q0[d], q1[d], q2[d], q3[d], ka, kb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
                ka = TFormat.LoadOdd<TSimd, TVector>(left + offset, Lanes.Count, slot);
                kb = TFormat.LoadOdd<TSimd, TVector>(right + offset, Lanes.Count, slot);
                Accumulate<TSimd, TVector>(q0[d + 1], q1[d + 1], q2[d + 1], q3[d + 1], ka, kb, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3);
            }

            Store<TSimd, TVector>(s0 + slot, a0, b0, Lanes.Count);
            Store<TSimd, TVector>(s1 + slot, a1, b1, Lanes.Count);
            Store<TSimd, TVector>(s2 + slot, a2, b2, Lanes.Count);
            Store<TSimd, TVector>(s3 + slot, a3, b3, Lanes.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfTwo<TSimd, TVector, TFormat>(float* q0, int headDim, PagePair keys, float* scores, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        byte* left = keys.Left, right = keys.Right;
        float* q1 = q0 + headDim;
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector a0 = TSimd.Zero, a1 = TSimd.Zero, b0 = TSimd.Zero, b1 = TSimd.Zero;
            nint offset = 0;
            for (nint d = 0; d < headDim; d += 2, offset += Lanes.Count * TFormat.OutputBytes)
            {
                keys.Prefetch(offset);
                TVector ka = TFormat.LoadEven<TSimd, TVector>(left + offset, slot), kb = TFormat.LoadEven<TSimd, TVector>(right + offset, slot);
                Accumulate<TSimd, TVector>(q0[d], q1[d], ka, kb, ref a0, ref b0, ref a1, ref b1);
                ka = TFormat.LoadOdd<TSimd, TVector>(left + offset, Lanes.Count, slot);
                kb = TFormat.LoadOdd<TSimd, TVector>(right + offset, Lanes.Count, slot);
                Accumulate<TSimd, TVector>(q0[d + 1], q1[d + 1], ka, kb, ref a0, ref b0, ref a1, ref b1);
            }

            Store<TSimd, TVector>(scores + slot, a0, b0, Lanes.Count);
            Store<TSimd, TVector>(scores + stride + slot, a1, b1, Lanes.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfOne<TSimd, TVector, TFormat>(float* query, int headDim, PagePair keys, float* scores)
        where TSimd : ISimd<TVector> where TVector : struct where TFormat : IPanelFormat
    {
        byte* left = keys.Left, right = keys.Right;
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector a = TSimd.Zero, b = TSimd.Zero;
            nint offset = 0;
            for (nint d = 0; d < headDim; d += 2, offset += Lanes.Count * TFormat.OutputBytes)
            {
                keys.Prefetch(offset);
                TVector even = TSimd.Broadcast(query[d]), odd = TSimd.Broadcast(query[d + 1]);
                a = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(left + offset, slot), even, a);
                b = TSimd.MultiplyAdd(TFormat.LoadEven<TSimd, TVector>(right + offset, slot), even, b);
                a = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(left + offset, Lanes.Count, slot), odd, a);
                b = TSimd.MultiplyAdd(TFormat.LoadOdd<TSimd, TVector>(right + offset, Lanes.Count, slot), odd, b);
            }

            Store<TSimd, TVector>(scores + slot, a, b, Lanes.Count);
        }
    }

    /// <summary>Two pages of keys, the last one twice where there is no other, and the two after them.</summary>
    private readonly struct PagePair(PageBlocks keys, int page, int pages)
    {
        private readonly byte* _leftAhead = keys[Math.Min(page + 2, pages - 1)];
        private readonly byte* _rightAhead = keys[Math.Min(page + 3, pages - 1)];

        public byte* Left { get; } = keys[page];

        public byte* Right { get; } = keys[Math.Min(page + 1, pages - 1)];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint offset)
        {
            if (!SoftwarePrefetch.IsOn)
                return;
            Sse.Prefetch0(_leftAhead + offset);
            Sse.Prefetch0(_rightAhead + offset);
        }
    }
}
