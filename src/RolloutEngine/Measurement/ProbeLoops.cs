using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>Loops that do nothing but one thing, as fast as the processor can.</summary>
internal static unsafe class ProbeLoops
{
    private const int Iterations = 100_000;
    private const int Accumulators = 12;
    private const int PrefetchBytes = 4096;
    private const int CacheLine = 64;

    /// <summary>Operations of one call of <see cref="MultiplyAdd()"/>.</summary>
    public static double MultiplyAddOperations => 2.0 * Iterations * Accumulators * Vectors;

    private static int Vectors => Vector512.IsHardwareAccelerated ? Simd512.Width : Vector256.IsHardwareAccelerated ? Simd256.Width : Simd128.Width;

    /// <summary>Sums a multiple of 64 floats.</summary>
    public static float Read(float* data, long count) =>
        Vector512.IsHardwareAccelerated ? Read<Simd512, Vector512<float>>(data, count)
        : Vector256.IsHardwareAccelerated ? Read<Simd256, Vector256<float>>(data, count)
        : Read<Simd128, Vector128<float>>(data, count);

    /// <summary>Independent chains of fused multiply-adds, enough to fill the pipelines.</summary>
    public static float MultiplyAdd() =>
        Vector512.IsHardwareAccelerated ? MultiplyAdd<Simd512, Vector512<float>>()
        : Vector256.IsHardwareAccelerated ? MultiplyAdd<Simd256, Vector256<float>>()
        : MultiplyAdd<Simd128, Vector128<float>>();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Read<TSimd, TVector>(float* data, long count) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector a = TSimd.Zero, b = TSimd.Zero, c = TSimd.Zero, d = TSimd.Zero;
        for (float* end = data + count; data < end; data += 4 * TSimd.Width)
        {
            for (int line = 0; Sse.IsSupported && line < 4 * TSimd.Width * sizeof(float); line += CacheLine)
                Sse.Prefetch1((byte*)data + PrefetchBytes + line);
            a = TSimd.Add(a, TSimd.Load(data));
            b = TSimd.Add(b, TSimd.Load(data + TSimd.Width));
            c = TSimd.Add(c, TSimd.Load(data + 2 * TSimd.Width));
            d = TSimd.Add(d, TSimd.Load(data + 3 * TSimd.Width));
        }

        return First<TSimd, TVector>(TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdd<TSimd, TVector>() where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector x = TSimd.Broadcast(0.5f), y = TSimd.Broadcast(1e-3f);
        TVector a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            a = TSimd.MultiplyAdd(a, x, y);
            b = TSimd.MultiplyAdd(b, x, y);
            c = TSimd.MultiplyAdd(c, x, y);
            d = TSimd.MultiplyAdd(d, x, y);
            e = TSimd.MultiplyAdd(e, x, y);
            f = TSimd.MultiplyAdd(f, x, y);
            g = TSimd.MultiplyAdd(g, x, y);
            h = TSimd.MultiplyAdd(h, x, y);
            i = TSimd.MultiplyAdd(i, x, y);
            j = TSimd.MultiplyAdd(j, x, y);
            k = TSimd.MultiplyAdd(k, x, y);
            l = TSimd.MultiplyAdd(l, x, y);
        }

        TVector sum = TSimd.Add(TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d)), TSimd.Add(TSimd.Add(e, f), TSimd.Add(g, h)));
        return First<TSimd, TVector>(TSimd.Add(sum, TSimd.Add(TSimd.Add(i, j), TSimd.Add(k, l))));
    }

    private static float First<TSimd, TVector>(TVector vector) where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        TSimd.Store(vector, lanes);
        return lanes[0];
    }
}
