using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The gated activation of the feed-forward block.</summary>
internal static unsafe class SwiGlu
{
    /// <summary>output[i] = gate[i] / (1 + e^-gate[i]) · up[i], for a count that is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* gate, float* up, int count, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TVector g = TSimd.Load(gate + i);
            TVector exponential = Exponential.Of<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, g));
            TVector silu = TSimd.Divide(g, TSimd.Add(one, exponential));
            TSimd.Store(TSimd.Multiply(silu, TSimd.Load(up + i)), output + i);
        }
    }
}
