using System.Globalization;
using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>The member <c>sampling_params</c> of <c>/generate</c>. As there, a name that is not known is an error.</summary>
internal sealed record SglangSampling
{
    private const int DefaultMaxNewTokens = 128;

    /// <summary>Names without a meaning for this engine, which change no token.</summary>
    private static readonly HashSet<string> _ignored = ["spaces_between_special_tokens", "stream_interval", "custom_params"];

    /// <summary>Names of what is not computed here, so that a value is refused.</summary>
    private static readonly Dictionary<string, string> _refused = new()
    {
        ["stop_regex"] = "use 'stop' or 'stop_token_ids'",
        ["json_schema"] = "constrained decoding is not computed here",
        ["regex"] = "constrained decoding is not computed here",
        ["ebnf"] = "constrained decoding is not computed here",
        ["structural_tag"] = "constrained decoding is not computed here",
    };

    /// <summary>Null to fill the context.</summary>
    public int? MaxNewTokens { get; private set; } = DefaultMaxNewTokens;

    public SamplingParams Params { get; private set; } = SamplingParams.Default;

    public IReadOnlyList<string> Stop { get; private set; } = [];

    public IReadOnlyList<int> StopTokenIds { get; private set; } = [];

    public bool IgnoreEos { get; private set; }

    public bool SkipSpecialTokens { get; private set; } = true;

    public bool NoStopTrim { get; private set; }

    public ulong? Seed { get; private set; }

    /// <summary>Answers for each prompt.</summary>
    public int Count { get; private set; } = 1;

    /// <exception cref="InvalidInputException">A name is not known, or a value has the wrong type.</exception>
    public static SglangSampling Read(JsonElement? element)
    {
        SglangSampling sampling = new();
        if (!DialectValues.IsSet(element))
            return sampling;
        if (element!.Value.ValueKind != JsonValueKind.Object)
            throw DialectValues.Invalid("'sampling_params' must be an object.");
        foreach (JsonProperty property in element.Value.EnumerateObject())
            sampling.Set(property.Name, property.Value);
        return sampling;
    }

    private void Set(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            MaxNewTokens = name == "max_new_tokens" ? null : MaxNewTokens;
            return;
        }

        if (_refused.TryGetValue(name, out string? reason))
        {
            throw DialectValues.IsSet(value)
                ? DialectValues.Invalid($"'{name}' is not supported: {reason}.")
                : DialectValues.Invalid($"'{name}' must be left out or null.");
        }

        if (!_ignored.Contains(name) && !SetToken(name, value) && !SetNumber(name, value))
            throw DialectValues.Invalid($"Sampling parameter '{name}' is not known.");
    }

    private bool SetToken(string name, JsonElement value)
    {
        switch (name)
        {
            case "max_new_tokens":
                MaxNewTokens = DialectValues.Int(name, value);
                return MaxNewTokens >= 0 ? true : throw DialectValues.Invalid($"'max_new_tokens' is {MaxNewTokens}; it must be at least 0.");
            case "stop":
                Stop = DialectValues.Texts(name, value);
                return true;
            case "stop_token_ids":
                StopTokenIds = DialectValues.Ints(name, value);
                return true;
            case "ignore_eos":
                IgnoreEos = DialectValues.Bool(name, value);
                return true;
            case "skip_special_tokens":
                SkipSpecialTokens = DialectValues.Bool(name, value);
                return true;
            case "no_stop_trim":
                NoStopTrim = DialectValues.Bool(name, value);
                return true;
            case "sampling_seed":
                Seed = DialectValues.Seed(name, value);
                return true;
            case "n":
                Count = DialectValues.Int(name, value);
                return true;
            default:
                return false;
        }
    }

    private bool SetNumber(string name, JsonElement value)
    {
        Params = name switch
        {
            "temperature" => Params with { Temperature = DialectValues.Float(name, value) },
            "top_p" => Params with { TopP = DialectValues.Float(name, value) },
            "min_p" => Params with { MinP = DialectValues.Float(name, value) },
            // -1 keeps all there, 0 here.
            "top_k" => Params with { TopK = DialectValues.Int(name, value) is var k && k == -1 ? 0 : k == 0 ? throw DialectValues.Invalid("'top_k' is 0; it must be -1, for all tokens, or at least 1.") : k },
            "frequency_penalty" => Params with { FrequencyPenalty = DialectValues.Float(name, value) },
            "presence_penalty" => Params with { PresencePenalty = DialectValues.Float(name, value) },
            "repetition_penalty" => Params with { RepetitionPenalty = DialectValues.Float(name, value) },
            "min_new_tokens" => Params with { MinNewTokens = DialectValues.Int(name, value) },
            "logit_bias" => Params with { LogitBias = Bias(value) },
            _ => Params,
        };
        return name is "temperature" or "top_p" or "min_p" or "top_k" or "frequency_penalty" or "presence_penalty" or "repetition_penalty" or "min_new_tokens" or "logit_bias";
    }

    private static Dictionary<int, float> Bias(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw DialectValues.Invalid("'logit_bias' must be an object of numbers by token id.");
        Dictionary<int, float> bias = [];
        foreach (JsonProperty entry in value.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int token))
                throw DialectValues.Invalid($"'logit_bias' has the key '{entry.Name}', which is no token id.");
            bias[token] = DialectValues.Float("logit_bias", entry.Value);
        }

        return bias;
    }
}
