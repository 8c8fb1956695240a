using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>The answer of <c>/v1/completions</c>, or a piece of it where it is streamed.</summary>
internal sealed record TextCompletion(string Id, long Created, string Model, IReadOnlyList<TextChoice> Choices)
{
    public string Object { get; } = "text_completion";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Usage? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerMetadata? Metadata { get; init; }
}

/// <summary>One answer.</summary>
internal sealed record TextChoice(int Index, string Text, TextLogprobs? Logprobs, string? FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? StopReason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyDictionary<int, PromptLogprob>?>? PromptLogprobs { get; init; }
}

/// <summary>Log-probabilities of the tokens of an answer, in lists of one length.</summary>
/// <param name="Tokens">Their texts.</param>
/// <param name="TokenLogprobs">In the raw distribution.</param>
/// <param name="TopLogprobs">The likeliest tokens at each place by their texts.</param>
/// <param name="TextOffset">Where each begins in the text.</param>
internal sealed record TextLogprobs(
    IReadOnlyList<string> Tokens, IReadOnlyList<float> TokenLogprobs, IReadOnlyList<Dictionary<string, float>> TopLogprobs, IReadOnlyList<int> TextOffset);

/// <summary>The answer of <c>/v1/models</c>.</summary>
internal sealed record ModelList(IReadOnlyList<ServedModel> Data)
{
    public string Object { get; } = "list";
}

/// <summary>A model that is served.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Created">Seconds since 1970 at which the server began.</param>
/// <param name="MaxModelLen">Most tokens of prompt and answer together.</param>
internal sealed record ServedModel(string Id, long Created, int MaxModelLen)
{
    public string Object { get; } = "model";

    public string OwnedBy { get; } = "agentrollout";

    public string Root => Id;

    /// <summary>What this server's own client wants to know; null for a model that does not generate.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EngineFacts? Agentrollout { get; init; }
}

/// <summary>What an engine serves, as <see cref="RolloutEngine.EngineModel"/> has it.</summary>
internal sealed record EngineFacts(string Model, int VocabularySize, int ContextLength, IReadOnlyList<int> StopTokenIds, long WeightVersion);
