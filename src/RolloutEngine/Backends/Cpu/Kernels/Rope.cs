using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Rotary position embedding: pairs (i, i + d/2) of a head are rotated, as in the checkpoints of Hugging Face.</summary>
internal static unsafe class Rope
{
    /// <summary>Rotates one head in place.</summary>
    /// <param name="head">[headDim]</param>
    /// <param name="rotation">[headDim]: the cosines of the headDim / 2 pairs, then their sines.</param>
    /// <param name="headDim">An even number.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* head, float* rotation, int headDim)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        int half = headDim / 2, i = 0;
        for (; i + TSimd.Width <= half; i += TSimd.Width)
            Rotate<TSimd, TVector>(head + i, rotation + i, half);
        for (; i < half; i++)
            Rotate<Scalar, float>(head + i, rotation + i, half);
    }

    /// <summary>Writes the cosines and sines of one position.</summary>
    /// <param name="frequencies">[headDim / 2] radians per position.</param>
    /// <param name="scale">Multiplies both: the attention factor of scaled embeddings, else 1.</param>
    public static void Prepare(int position, ReadOnlySpan<double> frequencies, double scale, float* rotation)
    {
        for (int i = 0; i < frequencies.Length; i++)
        {
            (double sin, double cos) = Math.SinCos(position * frequencies[i]);
            rotation[i] = (float)(cos * scale);
            rotation[frequencies.Length + i] = (float)(sin * scale);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rotate<TSimd, TVector>(float* at, float* rotation, int half)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector a = TSimd.Load(at), b = TSimd.Load(at + half);
        TVector cos = TSimd.Load(rotation), sin = TSimd.Load(rotation + half);
        TVector minus = TSimd.Subtract(TSimd.Zero, TSimd.Multiply(b, sin));
        TSimd.Store(TSimd.MultiplyAdd(a, cos, minus), at);
        TSimd.Store(TSimd.MultiplyAdd(b, cos, TSimd.Multiply(a, sin)), at + half);
    }
}
