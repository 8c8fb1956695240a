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

    /// <summary>Quantises up to 64 weights of an output to the nearest; the rest of the group becomes zero.</summary>
    /// <param name="group">Start of the group in the panel.</param>
    public static void Pack(ReadOnlySpan<float> weights, byte* group, int output)
    {
        float most = 0;
        foreach (float weight in weights)
            most = MathF.Max(most, MathF.Abs(weight));
        ((float*)group)[output] = most / Most;
        float inverse = most > 0 ? Most / most : 0;
        byte* target = At(group, output, 0);
        for (int k = 0; k < GroupInputs; k++)
        {
            float quantized = k < weights.Length ? MathF.Round(weights[k] * inverse) : 0;
            target[k / InputsOfWord * PackedMatrix.PanelOutputs * InputsOfWord + k % InputsOfWord] = (byte)(Zero + (int)quantized);
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
