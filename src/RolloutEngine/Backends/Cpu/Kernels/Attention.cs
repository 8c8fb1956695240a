using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The two products of attention over one page of 16 tokens, for a few query heads that share its keys and values. Scores sum over the
/// head dimension in order, outputs over the tokens in order of position, so neither depends on how a prompt was cut into chunks.
/// </summary>
internal static unsafe class Attention
{
    /// <summary>scores[head, 0..16] = Σd queries[head, d] · keys[d, 0..16]</summary>
    /// <param name="queries">[head][headDim]</param>
    /// <param name="keys">[headDim][16 tokens]</param>
    /// <param name="scores">[head][scoreStride]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores<TSimd, TVector>(
        float* queries, int heads, int headDim, float* keys, float* scores, nint scoreStride)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        int head = 0;
        for (; head + 4 <= heads; head += 4)
            ScoresOfFour<TSimd, TVector>(queries + head * headDim, headDim, keys, scores + head * scoreStride, scoreStride);
        for (; head + 2 <= heads; head += 2)
            ScoresOfTwo<TSimd, TVector>(queries + head * headDim, headDim, keys, scores + head * scoreStride, scoreStride);
        if (head < heads)
            ScoresOfOne<TSimd, TVector>(queries + head * headDim, headDim, keys, scores + head * scoreStride);
    }

    /// <summary>output[head, d] += Σt weights[head, t] · values[t, d]</summary>
    /// <param name="weights">[head][weightStride]</param>
    /// <param name="values">[16 tokens][valueDim], of which the first <paramref name="tokens"/> count.</param>
    /// <param name="valueDim">The head dimension rounded up to a multiple of 16.</param>
    /// <param name="output">[head][valueDim]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddValues<TSimd, TVector>(
        float* weights, nint weightStride, int heads, float* values, int tokens, int valueDim, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        int head = 0;
        for (; head + 2 <= heads; head += 2)
        {
            float* first = weights + head * weightStride;
            AddValuesOfTwo<TSimd, TVector>(first, first + weightStride, values, tokens, valueDim, output + head * valueDim);
        }

        if (head < heads)
            AddValuesOfOne<TSimd, TVector>(weights + head * weightStride, values, tokens, valueDim, output + head * valueDim);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfFour<TSimd, TVector>(float* queries, int headDim, float* keys, float* scores, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float* q1 = queries + headDim, q2 = q1 + headDim, q3 = q2 + headDim;
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
            for (nint d = 0; d < headDim; d++)
            {
                TVector key = TSimd.Load(keys + d * Lanes.Count + slot);
                s0 = TSimd.MultiplyAdd(key, TSimd.Broadcast(queries[d]), s0);
                s1 = TSimd.MultiplyAdd(key, TSimd.Broadcast(q1[d]), s1);
                s2 = TSimd.MultiplyAdd(key, TSimd.Broadcast(q2[d]), s2);
                s3 = TSimd.MultiplyAdd(key, TSimd.Broadcast(q3[d]), s3);
            }

            TSimd.Store(s0, scores + slot);
            TSimd.Store(s1, scores + stride + slot);
            TSimd.Store(s2, scores + 2 * stride + slot);
            TSimd.Store(s3, scores + 3 * stride + slot);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfTwo<TSimd, TVector>(float* queries, int headDim, float* keys, float* scores, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float* q1 = queries + headDim;
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector s0 = TSimd.Zero, s1 = TSimd.Zero;
            for (nint d = 0; d < headDim; d++)
            {
                TVector key = TSimd.Load(keys + d * Lanes.Count + slot);
                s0 = TSimd.MultiplyAdd(key, TSimd.Broadcast(queries[d]), s0);
                s1 = TSimd.MultiplyAdd(key, TSimd.Broadcast(q1[d]), s1);
            }

            TSimd.Store(s0, scores + slot);
            TSimd.Store(s1, scores + stride + slot);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresOfOne<TSimd, TVector>(float* query, int headDim, float* keys, float* scores)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int slot = 0; slot < Lanes.Count; slot += TSimd.Width)
        {
            TVector sum = TSimd.Zero;
            for (nint d = 0; d < headDim; d++)
                sum = TSimd.MultiplyAdd(TSimd.Load(keys + d * Lanes.Count + slot), TSimd.Broadcast(query[d]), sum);
            TSimd.Store(sum, scores + slot);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddValuesOfTwo<TSimd, TVector>(
        float* weights0, float* weights1, float* values, int tokens, int valueDim, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int d = 0; d < valueDim; d += TSimd.Width)
        {
            TVector sum0 = TSimd.Load(output + d), sum1 = TSimd.Load(output + valueDim + d);
            for (nint token = 0; token < tokens; token++)
            {
                TVector value = TSimd.Load(values + token * valueDim + d);
                sum0 = TSimd.MultiplyAdd(value, TSimd.Broadcast(weights0[token]), sum0);
                sum1 = TSimd.MultiplyAdd(value, TSimd.Broadcast(weights1[token]), sum1);
            }

            TSimd.Store(sum0, output + d);
            TSimd.Store(sum1, output + valueDim + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddValuesOfOne<TSimd, TVector>(float* weights, float* values, int tokens, int valueDim, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int d = 0; d < valueDim; d += TSimd.Width)
        {
            TVector sum = TSimd.Load(output + d);
            for (nint token = 0; token < tokens; token++)
                sum = TSimd.MultiplyAdd(TSimd.Load(values + token * valueDim + d), TSimd.Broadcast(weights[token]), sum);
            TSimd.Store(sum, output + d);
        }
    }
}
