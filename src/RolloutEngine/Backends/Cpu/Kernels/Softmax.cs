using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The parts of a softmax. Attention and the sampler divide by the sum themselves, where it is cheapest.</summary>
internal static unsafe class Softmax
{
    /// <summary>The largest value; the count is a multiple of 16, at least 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max<TSimd, TVector>(float* values, int count) where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector max = TSimd.Load(values + lane);
            for (int i = lane + Lanes.Count; i < count; i += Lanes.Count)
                max = TSimd.Max(TSimd.Load(values + i), max);
            TSimd.Store(max, lanes + lane);
        }

        return Lanes.Max(lanes);
    }

    /// <summary>output[i] = e^((values[i] - max) · scale); the count is a multiple of 16. Returns the sum in lane order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentials<TSimd, TVector>(float* values, int count, float max, float scale, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        TVector maxima = TSimd.Broadcast(max), scales = TSimd.Broadcast(scale);
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector sum = TSimd.Zero;
            for (int i = lane; i < count; i += Lanes.Count)
            {
                TVector x = TSimd.Multiply(TSimd.Subtract(TSimd.Load(values + i), maxima), scales);
                TVector e = Exponential.Of<TSimd, TVector>(x);
                TSimd.Store(e, output + i);
                sum = TSimd.Add(sum, e);
            }

            TSimd.Store(sum, lanes + lane);
        }

        return Lanes.Sum(lanes);
    }
}
