using System.Globalization;
using System.Text.Json.Serialization;

namespace AgentRollout.RolloutEngine;

/// <summary>How tokens are drawn. The filters apply in the order temperature, top-k, top-p, min-p.</summary>
/// <param name="Temperature">Divides the logits; 0 takes the most likely token, ties going to the lowest id. Range 0 to 100.</param>
/// <param name="TopK">Keeps the k most likely tokens; 0 keeps all.</param>
/// <param name="TopP">Keeps the smallest set of most likely tokens whose probability reaches this share; 1 keeps all. Range (0, 1].</param>
/// <param name="MinP">Drops tokens less likely than this share of the most likely one; 0 drops none. Range [0, 1).</param>
public sealed record SamplingParams(float Temperature = 1f, int TopK = 0, float TopP = 1f, float MinP = 0f)
{
    /// <summary>The model's own distribution.</summary>
    public static SamplingParams Default { get; } = new();

    /// <summary>True where tokens are drawn from the raw distribution, so that sampling log-probabilities would repeat the raw ones.</summary>
    [JsonIgnore]
    public bool IsRaw => Temperature == 1f && TopK == 0 && TopP == 1f && MinP == 0f;

    /// <summary>What is wrong with the values, as the end of a sentence that begins with the request; null where nothing is.</summary>
    public string? Problem() => this switch
    {
        { Temperature: not (>= 0 and <= 100) } => string.Create(CultureInfo.InvariantCulture, $"has temperature {Temperature}; the range is 0 to 100"),
        { TopK: < 0 } => $"has top_k {TopK}; it is at least 0, and 0 keeps all tokens",
        { TopP: not (> 0 and <= 1) } => string.Create(CultureInfo.InvariantCulture, $"has top_p {TopP}; the range is above 0 up to 1"),
        { MinP: not (>= 0 and < 1) } => string.Create(CultureInfo.InvariantCulture, $"has min_p {MinP}; the range is 0 to below 1"),
        _ => null,
    };
}
