using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// How weights, keys and values lie in memory: for each pair of inputs (k, k + 1), the numbers of all outputs. All formats are read
/// without a shuffle.
/// </summary>
internal unsafe interface IPanelFormat
{
    /// <summary>What loaded numbers have to be multiplied with; a power of two, so that it can be done after sums.</summary>
    static virtual float Scale => 1f;

    /// <summary>Bytes that an output takes in a pair.</summary>
    static abstract int OutputBytes { get; }

    /// <summary>Numbers of input k for the outputs from <paramref name="output"/> on.</summary>
    static abstract TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct;

    /// <summary>Numbers of input k + 1.</summary>
    /// <param name="outputs">Of a pair.</param>
    static abstract TVector LoadOdd<TSimd, TVector>(byte* pair, int outputs, int output) where TSimd : ISimd<TVector> where TVector : struct;

    /// <summary>Stores one number.</summary>
    static abstract void Store(byte* pairs, int outputs, int input, int output, float value);
}

/// <summary>[pair][output] words, each with the bfloat16 number of k in its low half and that of k + 1 in its high half.</summary>
internal readonly unsafe struct BFloat16Panel : IPanelFormat
{
    public static int OutputBytes => sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadLowHalves((uint*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int outputs, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadHighHalves((uint*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* pairs, int outputs, int input, int output, float value) =>
        ((ushort*)pairs)[((input >> 1) * outputs + output) * 2 + (input & 1)] = BFloat16.FromSingle(value);
}

/// <summary>
/// [pair][output] words of two half-precision numbers. What is too large becomes the largest one; what has no exponent of its own, below
/// 2^-14, becomes zero, because computing with such numbers is slow.
/// </summary>
internal readonly unsafe struct Float16Panel : IPanelFormat
{
    private const int SingleMantissaBits = 23;
    private const int DroppedBits = 13;
    private const uint BiasDifference = 112;

    /// <summary>2^-14 and 65504 as floats, then the largest number and not-a-number as halves.</summary>
    private const uint SmallestBits = 0x38800000;
    private const uint LargestBits = 0x477FE000;
    private const uint LargestHalf = 0x7BFF;
    private const uint QuietNotANumber = 0x7E00;

    /// <summary>2^112: the difference of the exponents' biases.</summary>
    public static float Scale => 5.1922968585348276e33f;

    public static int OutputBytes => sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadLowScaledHalves((uint*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int outputs, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadHighScaledHalves((uint*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* pairs, int outputs, int input, int output, float value) =>
        ((ushort*)pairs)[((input >> 1) * outputs + output) * 2 + (input & 1)] = FromSingle(value);

    /// <summary>The nearest, ties to even; by integers, several times as fast as the library's conversion, which also makes subnormal numbers.</summary>
    private static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 16) & 0x8000;
        uint rounded = (magnitude - (BiasDifference << SingleMantissaBits) + 0xFFF + ((magnitude >> DroppedBits) & 1)) >> DroppedBits;
        uint half = float.IsNaN(value) ? QuietNotANumber : magnitude < SmallestBits ? 0 : magnitude >= LargestBits ? LargestHalf : rounded;
        return (ushort)(half == 0 ? 0 : sign | half);
    }
}

/// <summary>[input][output] signed bytes: whole numbers from -127 to 127, whose scales are kept beside them.</summary>
internal readonly unsafe struct SignedBytePanel : IPanelFormat
{
    /// <summary>The largest number.</summary>
    public const float Largest = 127;

    public static int OutputBytes => 2 * sizeof(sbyte);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadSignedBytes((sbyte*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int outputs, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.LoadSignedBytes((sbyte*)pair + outputs + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* pairs, int outputs, int input, int output, float value) => ((sbyte*)pairs)[input * outputs + output] = (sbyte)value;
}

/// <summary>[input][output] floats.</summary>
internal readonly unsafe struct Float32Panel : IPanelFormat
{
    public static int OutputBytes => 2 * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadEven<TSimd, TVector>(byte* pair, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Load((float*)pair + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LoadOdd<TSimd, TVector>(byte* pair, int outputs, int output) where TSimd : ISimd<TVector> where TVector : struct =>
        TSimd.Load((float*)pair + outputs + output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* pairs, int outputs, int input, int output, float value) => ((float*)pairs)[input * outputs + output] = value;
}
