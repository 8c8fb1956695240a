using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Turns four rows into a block of <see cref="RowBlocks"/>, whose numbers of a column stand beside one another.</summary>
internal static unsafe class RowTransposer
{
    /// <summary>block[i, row] = rows[row, i]</summary>
    /// <param name="rows">[4][stride]</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="count">Numbers of a row, a multiple of four.</param>
    /// <param name="block">[count][4]</param>
    public static void Interleave(float* rows, nint stride, int count, float* block)
    {
        for (nint i = 0; i < count; i += Vector128<float>.Count)
        {
            Vector128<float> a = Vector128.Load(rows + i), b = Vector128.Load(rows + stride + i);
            Vector128<float> c = Vector128.Load(rows + 2 * stride + i), d = Vector128.Load(rows + 3 * stride + i);
            Store(Low(a, b), Low(c, d), block + i * RowBlocks.Rows);
            Store(High(a, b), High(c, d), block + (i + 2) * RowBlocks.Rows);
        }
    }

    /// <summary>Two columns: the lower halves, then the upper ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<float> ab, Vector128<float> cd, float* target)
    {
        Vector128.Store(Low(ab.AsDouble(), cd.AsDouble()).AsSingle(), target);
        Vector128.Store(High(ab.AsDouble(), cd.AsDouble()).AsSingle(), target + RowBlocks.Rows);
    }

    /// <summary>a0 b0 a1 b1</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>a2 b2 a3 b3</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    /// <summary>a0 b0</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Low(Vector128<double> a, Vector128<double> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0]);

    /// <summary>a1 b1</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> High(Vector128<double> a, Vector128<double> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[1], b[1]);
}
