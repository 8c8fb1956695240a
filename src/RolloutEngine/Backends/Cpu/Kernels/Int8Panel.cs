using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// How a panel holds quantised weights: for each group of 64 inputs the scales of 32 outputs, then [16 words][32 outputs], a word being the
/// weights of four inputs as bytes, each 128 too high so that it has no sign: what the VNNI instructions multiply with signed bytes.
/// </summary>
internal static unsafe class Int8Panel
{
    /// <summary>Inputs with a scale of their own.</summary>
    public const int GroupInputs = 64;

    public const int InputsOfWord = 4;

    public const int ScaleBytes = PackedMatrix.PanelOutputs * sizeof(float);

    /// <summary>Bytes from one group to the next.</summary>
    public const int GroupBytes = ScaleBytes + GroupInputs * PackedMatrix.PanelOutputs;

    /// <summary>Largest magnitude of a quantised number.</summary>
    public const int Most = 127;

    private const int Zero = 128;

    /// <summary>Groups that hold this many inputs.</summary>
    public static int GroupsFor(int inputs) => (inputs + GroupInputs - 1) / GroupInputs;

    /// <summary>Quantises 64 weights of an output to the nearest, ties to even.</summary>
    /// <param name="group">Start of the group in the panel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* weights, byte* group, int output)
    {
        Vector128<float> maxima = Vector128.Abs(Vector128.Load(weights));
        for (int k = Vector128<float>.Count; k < GroupInputs; k += Vector128<float>.Count)
            maxima = Vector128.Max(maxima, Vector128.Abs(Vector128.Load(weights + k)));
        float most = MathF.Max(MathF.Max(maxima[0], maxima[1]), MathF.Max(maxima[2], maxima[3]));
        ((float*)group)[output] = most / Most;

        Vector128<float> inverse = Vector128.Create(most > 0 ? Most / most : 0);
        uint* target = (uint*)(group + ScaleBytes) + output;
        for (int k = 0; k < GroupInputs; k += InputsOfWord, target += PackedMatrix.PanelOutputs)
        {
            Vector128<int> rounded = Vector128.FusedMultiplyAdd(Vector128.Load(weights + k), inverse, Vector128.Create(Quantizer.Rounder)).AsInt32();
            Vector128<sbyte> bytes = Vector128.Narrow(Vector128.Narrow(rounded, rounded), default);
            *target = bytes.AsUInt32()[0] ^ (Zero * 0x01010101u);
        }
    }

    /// <summary>The weight that the panel stands for.</summary>
    public static float Weight(byte* panel, int output, int k)
    {
        byte* group = panel + k / GroupInputs * GroupBytes;
        return (*At(group, output, k % GroupInputs) - Zero) * ((float*)group)[output];
    }

    private static byte* At(byte* group, int output, int k) =>
        group + ScaleBytes + (k / InputsOfWord * PackedMatrix.PanelOutputs + output) * InputsOfWord + k % InputsOfWord;
}
