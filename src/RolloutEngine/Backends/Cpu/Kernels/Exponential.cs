using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// e^x, lane by lane, within about 1 unit in the last place: x = n·ln 2 + r, a degree-6 polynomial of r with the coefficients of
/// Cephes' <c>expf</c>, times 2^n. Library functions may differ between widths and machines; these steps do not. Not-a-number passes through.
/// </summary>
internal static class Exponential
{
    /// <summary>Below this the result is 0, so that it never is a subnormal number.</summary>
    public const float Lowest = -87.3f;

    private const float Highest = 88f;

    /// <summary>1.5·2^23: adding it rounds to an integer and leaves that integer in the low mantissa bits.</summary>
    private const float Rounder = 12582912f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TSimd, TVector>(TVector x) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector lowest = TSimd.Broadcast(Lowest);
        TVector bounded = TSimd.Min(TSimd.Broadcast(Highest), TSimd.Max(lowest, x));
        TVector shifted = TSimd.MultiplyAdd(bounded, TSimd.Broadcast(1.44269504088896341f), TSimd.Broadcast(Rounder));
        TVector n = TSimd.Subtract(shifted, TSimd.Broadcast(Rounder));
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693359375f), bounded);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);

        TVector p = TSimd.Broadcast(1.9875691500e-4f);
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1.3981999507e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(8.3334519073e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(4.1665795894e-2f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1.6666665459e-1f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(5.0000001201e-1f));
        p = TSimd.MultiplyAdd(p, TSimd.Multiply(r, r), TSimd.Add(r, TSimd.Broadcast(1f)));
        return TSimd.ZeroBelow(x, lowest, TSimd.Multiply(p, TSimd.PowerOfTwo(shifted)));
    }
}
