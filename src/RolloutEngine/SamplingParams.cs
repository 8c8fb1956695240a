using System.Globalization;
using System.Text.Json.Serialization;

namespace AgentRollout.RolloutEngine;

/// <summary>
/// How tokens are drawn. The logits are changed first (bias, then penalties, then the minimum length), divided by the temperature, and
/// filtered in the order top-k, top-p, min-p. Sampling log-probabilities are those of the distribution that results.
/// </summary>
/// <param name="Temperature">Divides the logits; 0 takes the most likely token, ties going to the lowest id. Range 0 to 100.</param>
/// <param name="TopK">Keeps the k most likely tokens; 0 keeps all.</param>
/// <param name="TopP">Keeps the smallest set of most likely tokens whose probability reaches this share; 1 keeps all. Range (0, 1].</param>
/// <param name="MinP">Drops tokens less likely than this share of the most likely one; 0 drops none. Range [0, 1).</param>
public sealed record SamplingParams(float Temperature = 1f, int TopK = 0, float TopP = 1f, float MinP = 0f)
{
    /// <summary>The model's own distribution.</summary>
    public static SamplingParams Default { get; } = new();

    /// <summary>Divides positive logits, and multiplies negative ones, of all tokens that the sequence has, prompt included; 1 changes none. Range (0, 10].</summary>
    public float RepetitionPenalty { get; init; } = 1f;

    /// <summary>Taken from a token's logit for every time that this generation sampled it. Range -10 to 10.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Taken from a token's logit once this generation has sampled it. Range -10 to 10.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Added to the logits of these tokens; null changes none. Range -100 to 100.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Stop tokens are not sampled before a generation has this many tokens; 0 lets it stop at once.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>True where tokens are drawn from the raw distribution, so that sampling log-probabilities would repeat the raw ones.</summary>
    [JsonIgnore]
    public bool IsRaw => Temperature == 1f && TopK == 0 && TopP == 1f && MinP == 0f && !ChangesLogits;

    /// <summary>Whether some tokens' logits are changed before anything else.</summary>
    [JsonIgnore]
    public bool ChangesLogits =>
        RepetitionPenalty != 1f || FrequencyPenalty != 0f || PresencePenalty != 0f || LogitBias is { Count: > 0 } || MinNewTokens > 0;

    /// <summary>What is wrong with the values, as the end of a sentence that begins with the request; null where nothing is.</summary>
    /// <param name="vocabularySize">Token ids are below it.</param>
    public string? Problem(int vocabularySize) => this switch
    {
        { Temperature: not (>= 0 and <= 100) } => Say($"has temperature {Temperature}; the range is 0 to 100"),
        { TopK: < 0 } => $"has top_k {TopK}; it is at least 0, and 0 keeps all tokens",
        { TopP: not (> 0 and <= 1) } => Say($"has top_p {TopP}; the range is above 0 up to 1"),
        { MinP: not (>= 0 and < 1) } => Say($"has min_p {MinP}; the range is 0 to below 1"),
        { RepetitionPenalty: not (> 0 and <= 10) } => Say($"has repetition_penalty {RepetitionPenalty}; the range is above 0 up to 10"),
        { FrequencyPenalty: not (>= -10 and <= 10) } => Say($"has frequency_penalty {FrequencyPenalty}; the range is -10 to 10"),
        { PresencePenalty: not (>= -10 and <= 10) } => Say($"has presence_penalty {PresencePenalty}; the range is -10 to 10"),
        { MinNewTokens: < 0 } => $"has min_new_tokens {MinNewTokens}; it is at least 0",
        { LogitBias: { } bias } => ProblemOf(bias, vocabularySize),
        _ => null,
    };

    private static string? ProblemOf(IReadOnlyDictionary<int, float> bias, int vocabularySize)
    {
        foreach ((int token, float value) in bias)
        {
            if ((uint)token >= (uint)vocabularySize)
                return $"has a logit_bias for token id {token}; ids are 0 to {vocabularySize - 1}";
            if (value is not (>= -100 and <= 100))
                return Say($"has logit_bias {value} for token id {token}; the range is -100 to 100");
        }

        return null;
    }

    private static string Say(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
