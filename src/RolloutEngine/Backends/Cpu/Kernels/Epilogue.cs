using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>What happens to a product's tile, [rows][32], while it is in the cache.</summary>
internal static unsafe class Epilogue
{
    /// <summary>target[row, i] = tile[row, i] + bias[i]</summary>
    /// <param name="bias">[32], or null for none.</param>
    /// <param name="target">[rows][stride]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store<TSimd, TVector>(float* tile, int rows, float* bias, float* target, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (; rows > 0; rows--, tile += PackedMatrix.PanelOutputs, target += stride)
        {
            for (int i = 0; i < PackedMatrix.PanelOutputs; i += TSimd.Width)
                TSimd.Store(WithBias<TSimd, TVector>(tile, bias, i), target + i);
        }
    }

    /// <summary>target[row, i] += tile[row, i] + bias[i]</summary>
    /// <param name="bias">[32], or null for none.</param>
    /// <param name="target">[rows][stride]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TSimd, TVector>(float* tile, int rows, float* bias, float* target, nint stride)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (; rows > 0; rows--, tile += PackedMatrix.PanelOutputs, target += stride)
        {
            for (int i = 0; i < PackedMatrix.PanelOutputs; i += TSimd.Width)
                TSimd.Store(TSimd.Add(TSimd.Load(target + i), WithBias<TSimd, TVector>(tile, bias, i)), target + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector WithBias<TSimd, TVector>(float* tile, float* bias, int i) where TSimd : ISimd<TVector> where TVector : struct =>
        bias is null ? TSimd.Load(tile + i) : TSimd.Add(TSimd.Load(tile + i), TSimd.Load(bias + i));
}
