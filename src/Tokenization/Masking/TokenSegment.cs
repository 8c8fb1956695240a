using System.Text.Json.Serialization;

namespace AgentRollout.Tokenization.Masking;

/// <summary>Who produced the tokens of a segment.</summary>
public enum SegmentSource
{
    /// <summary>The first rendering of a sequence: system prompt, tools, first user message, generation prompt.</summary>
    Prompt,

    /// <summary>Sampled by the engine: the only source with loss mask 1.</summary>
    Sampled,

    /// <summary>What an environment or a tool answered.</summary>
    Observation,

    /// <summary>Template glue: what stands between the end of a turn and the next content, and the next generation prompt.</summary>
    Scaffold,
}

/// <summary>A run of tokens of a sequence with one source.</summary>
/// <param name="Start">Position of the first token in the sequence.</param>
/// <param name="End">Position past the last token.</param>
/// <param name="Source">Who produced them.</param>
/// <param name="Turn">The turn they belong to; 0 is the prompt, 1 the first assistant turn and what follows it.</param>
/// <param name="WeightVersion">On sampled segments: the version of the policy's weights.</param>
/// <param name="FinishReason">On the last sampled segment of a turn: why the engine stopped.</param>
/// <param name="CallIds">On observations that answer tool calls: the calls.</param>
public sealed record TokenSegment(
    int Start,
    int End,
    SegmentSource Source,
    int Turn,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? WeightVersion = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? FinishReason = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? CallIds = null);
