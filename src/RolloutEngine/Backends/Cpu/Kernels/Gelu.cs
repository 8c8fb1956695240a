using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// x·Φ(x), the Gaussian error linear unit. With q(z) = erfc(z) for z = |x|/√2 it is max(x, 0) - |x|·q/2 on both sides of zero; erfc is formula
/// 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions", whose error is below 1.5e-7.
/// </summary>
internal static unsafe class Gelu
{
    /// <summary>In place, for a count that is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* values, int count) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TVector x = TSimd.Load(values + i);
            TVector absolute = TSimd.Max(x, TSimd.Subtract(TSimd.Zero, x));
            TVector z = TSimd.Multiply(absolute, TSimd.Broadcast(0.70710678118654752f));
            TVector t = TSimd.Divide(one, TSimd.MultiplyAdd(TSimd.Broadcast(0.3275911f), z, one));
            TVector p = TSimd.Broadcast(1.061405429f);
            p = TSimd.MultiplyAdd(p, t, TSimd.Broadcast(-1.453152027f));
            p = TSimd.MultiplyAdd(p, t, TSimd.Broadcast(1.421413741f));
            p = TSimd.MultiplyAdd(p, t, TSimd.Broadcast(-0.284496736f));
            p = TSimd.MultiplyAdd(p, t, TSimd.Broadcast(0.254829592f));
            TVector tail = Exponential.Of<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, TSimd.Multiply(z, z)));
            TVector erfc = TSimd.Multiply(TSimd.Multiply(p, t), tail);
            TVector half = TSimd.Multiply(absolute, TSimd.Broadcast(0.5f));
            TSimd.Store(TSimd.Subtract(TSimd.Max(x, TSimd.Zero), TSimd.Multiply(half, erfc)), values + i);
        }
    }
}
