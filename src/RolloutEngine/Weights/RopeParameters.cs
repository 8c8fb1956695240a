namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// Rotary embedding of a checkpoint, as transformers' <c>modeling_rope_utils</c> computes it from <c>rope_theta</c> and <c>rope_scaling</c>,
/// or from the newer <c>rope_parameters</c>.
/// </summary>
/// <param name="Type"><c>default</c>, <c>linear</c>, <c>llama3</c> or <c>yarn</c>.</param>
/// <param name="Frequencies">[headDim / 2] radians per position, after scaling.</param>
/// <param name="AttentionFactor">Multiplies the cosines and sines; 1 except for <c>yarn</c>.</param>
/// <param name="ContextFactor">By how much the scaling stretches <paramref name="OriginalContext"/> (<c>yarn</c> only, else 1).</param>
/// <param name="OriginalContext">The context of pre-training, where the configuration states it.</param>
public sealed record RopeParameters(
    string Type, IReadOnlyList<double> Frequencies, double AttentionFactor, double ContextFactor, int? OriginalContext)
{
    private const double DefaultBase = 10_000;

    internal static RopeParameters Read(ConfigFile config, int headDim, int contextLength)
    {
        ConfigFile? section = config.Object("rope_parameters") ?? config.Object("rope_scaling");
        ConfigFile scaling = section ?? config;
        double rotaryBase = scaling.OptionalNumber("rope_theta") ?? config.OptionalNumber("rope_theta") ?? DefaultBase;
        string type = section is null ? "default" : scaling.Text("rope_type") ?? scaling.Text("type") ?? "default";
        double partial = scaling.OptionalNumber("partial_rotary_factor") ?? config.OptionalNumber("partial_rotary_factor") ?? 1;
        if (partial != 1)
            throw config.Unsupported("partial_rotary_factor", FormattableString.Invariant($"{partial}"), "1");

        double[] plain = [.. Enumerable.Range(0, headDim / 2).Select(i => Math.Pow(rotaryBase, -2.0 * i / headDim))];
        return type switch
        {
            "default" => new RopeParameters(type, plain, 1, 1, null),
            "linear" => Linear(plain, scaling.Number("factor")),
            "llama3" => Llama3(plain, scaling),
            "yarn" => Yarn(plain, rotaryBase, scaling, contextLength),
            _ => throw config.Unsupported("rope type", $"'{type}'", "default, linear, llama3, yarn"),
        };
    }

    private static RopeParameters Linear(double[] plain, double factor) =>
        new("linear", [.. plain.Select(frequency => frequency / factor)], 1, 1, null);

    /// <summary>Llama 3.1: long wavelengths are stretched, short ones kept, those between blended.</summary>
    private static RopeParameters Llama3(double[] plain, ConfigFile scaling)
    {
        double factor = scaling.Number("factor"), low = scaling.Number("low_freq_factor"), high = scaling.Number("high_freq_factor");
        int original = scaling.Integer("original_max_position_embeddings");
        return new RopeParameters("llama3", [.. plain.Select(Scale)], 1, 1, original);

        double Scale(double frequency)
        {
            double turns = original * frequency / (2 * Math.PI);
            if (turns > high)
                return frequency;
            if (turns < low)
                return frequency / factor;
            double smooth = (turns - low) / (high - low);
            return (1 - smooth) * frequency / factor + smooth * frequency;
        }
    }

    /// <summary>YaRN, arXiv 2309.00071: a ramp over the dimensions between interpolated and plain frequencies.</summary>
    private static RopeParameters Yarn(double[] plain, double rotaryBase, ConfigFile scaling, int contextLength)
    {
        int headDim = 2 * plain.Length;
        int original = scaling.OptionalInteger("original_max_position_embeddings") ?? contextLength;
        double factor = scaling.OptionalNumber("factor") ?? (double)contextLength / original;
        double from = DimensionOf(scaling.OptionalNumber("beta_fast") ?? 32), to = DimensionOf(scaling.OptionalNumber("beta_slow") ?? 1);
        if (scaling.Flag("truncate", otherwise: true))
            (from, to) = (Math.Floor(from), Math.Ceiling(to));
        (from, to) = (Math.Max(from, 0), Math.Min(to, headDim - 1));
        if (from == to)
            to += 0.001;

        double[] scaled = [.. plain.Select((frequency, i) =>
        {
            double interpolated = Math.Clamp((i - from) / (to - from), 0, 1);
            return frequency / factor * interpolated + frequency * (1 - interpolated);
        })];
        return new RopeParameters("yarn", scaled, YarnAttention(scaling, factor), factor, original);

        double DimensionOf(double rotations) =>
            headDim * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(rotaryBase));
    }

    private static double YarnAttention(ConfigFile scaling, double factor)
    {
        if (scaling.OptionalNumber("attention_factor") is { } given)
            return given;
        return scaling.OptionalNumber("mscale") is { } scale && scaling.OptionalNumber("mscale_all_dim") is { } allDimensions
            ? Magnitude(scale) / Magnitude(allDimensions)
            : Magnitude(1);

        double Magnitude(double weight) => factor <= 1 ? 1 : 0.1 * weight * Math.Log(factor) + 1;
    }
}
