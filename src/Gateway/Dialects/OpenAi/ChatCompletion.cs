using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>The answer of <c>/v1/chat/completions</c>. Token ids stand where clients of vLLM look for them and where those of SGLang do.</summary>
internal sealed record ChatCompletion(string Id, long Created, string Model, IReadOnlyList<ChatCompletionChoice> Choices, Usage Usage, AnswerMetadata Metadata)
{
    public string Object { get; } = "chat.completion";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyDictionary<int, PromptLogprob>?>? PromptLogprobs { get; init; }
}

/// <summary>One answer.</summary>
internal sealed record ChatCompletionChoice(int Index, AssistantMessage Message, ChoiceLogprobs? Logprobs, string FinishReason)
{
    /// <summary>What ended it, where clients of SGLang look.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? MatchedStop { get; init; }

    /// <summary>The same, where those of vLLM do.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? StopReason => MatchedStop;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>What the model said.</summary>
internal sealed record AssistantMessage(string? Content)
{
    public string Role { get; } = "assistant";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ReasoningContent { get; init; }

    /// <summary>The same, where newer clients of vLLM look.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reasoning => ReasoningContent;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AnsweredCall>? ToolCalls { get; init; }
}

/// <summary>A tool call, or a piece of one in a stream.</summary>
internal sealed record AnsweredCall(int Index, AnsweredFunction Function)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; init; }
}

/// <param name="Name">Null in the later pieces of a stream.</param>
/// <param name="Arguments">JSON text.</param>
internal sealed record AnsweredFunction([property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name, string Arguments);

/// <summary>Log-probabilities of the tokens of an answer.</summary>
internal sealed record ChoiceLogprobs(IReadOnlyList<TokenItem> Content);

/// <param name="Token">Its text.</param>
/// <param name="Logprob">In the raw distribution.</param>
/// <param name="Bytes">Its bytes, which need not be whole characters.</param>
internal record LikelyToken(string Token, float Logprob, int[] Bytes);

/// <param name="TopLogprobs">The likeliest tokens at its place.</param>
internal sealed record TokenItem(string Token, float Logprob, int[] Bytes, IReadOnlyList<LikelyToken> TopLogprobs) : LikelyToken(Token, Logprob, Bytes);

/// <summary>Counts of tokens.</summary>
internal sealed record Usage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;

    /// <summary>Null where the engine does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PromptTokensDetails? PromptTokensDetails { get; init; }
}

/// <param name="CachedTokens">Tokens of the prompt that were found computed.</param>
internal sealed record PromptTokensDetails(int CachedTokens);

/// <param name="WeightVersion">The weights of the latest token.</param>
internal sealed record AnswerMetadata(string WeightVersion);

/// <summary>A piece of a streamed answer.</summary>
internal sealed record ChatCompletionChunk(string Id, long Created, string Model, IReadOnlyList<ChunkChoice> Choices)
{
    public string Object { get; } = "chat.completion.chunk";

    /// <summary>Only with the last piece, where it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Usage? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerMetadata? Metadata { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }
}

/// <summary>What one answer has grown by.</summary>
internal sealed record ChunkChoice(int Index, MessageDelta Delta, ChoiceLogprobs? Logprobs, string? FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? MatchedStop { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? StopReason => MatchedStop;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>What a message has grown by.</summary>
internal sealed record MessageDelta
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ReasoningContent { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reasoning => ReasoningContent;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AnsweredCall>? ToolCalls { get; init; }
}
