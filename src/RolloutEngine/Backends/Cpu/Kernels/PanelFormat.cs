using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// How a panel holds its weights: for each pair of inputs (k, k + 1), the weights of 32 outputs. Both formats are read without a shuffle.
/// </summary>
internal unsafe interface IPanelFormat
{
    /// <summary>Bytes from one pair of inputs to the next.</summary>
    static abstract int PairBytes { get; }

    /// <summary>Weights of input k for the outputs from <paramref name="output"/> on.</summary>
    static abstract TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct;

    /// <summary>Weights of input k + 1.</summary>
    static abstract TVector LoadOdd<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct;
}

/// <summary>[pair][output] words, each with the bfloat16 weight of k in its low half and that of k + 1 in its high half.</summary>
internal readonly unsafe struct BFloat16Panel : IPanelFormat
{
    public static int PairBytes => PackedMatrix.PanelOutputs * sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadLowHalves((uint*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadHighHalves((uint*)pair + output);
}

/// <summary>[input][output] floats.</summary>
internal readonly unsafe struct Float32Panel : IPanelFormat
{
    public static int PairBytes => 2 * PackedMatrix.PanelOutputs * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Load((float*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Load((float*)pair + PackedMatrix.PanelOutputs + output);
}
