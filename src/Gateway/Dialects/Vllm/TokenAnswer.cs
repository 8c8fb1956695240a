using System.Text.Json.Serialization;
using AgentRollout.Gateway.Dialects.OpenAi;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>The answer of <c>/inference/v1/generate</c>, with the members of its older form and of its newer one.</summary>
/// <param name="RequestId">The client's name for the call, or one that was made for it.</param>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="PromptLogprobs">For each token of the prompt, by token id; null where nobody asked.</param>
internal sealed record TokenAnswer(
    string RequestId,
    string Model,
    long Created,
    IReadOnlyList<TokenChoice> Choices,
    Usage Usage,
    IReadOnlyList<IReadOnlyDictionary<int, PromptLogprob>?>? PromptLogprobs)
{
    /// <summary>Keys and values never leave the server.</summary>
    public string? KvTransferParams { get; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }
}

/// <summary>A piece of a streamed answer.</summary>
internal sealed record TokenPiece(string RequestId, string Model, long Created, IReadOnlyList<TokenChoice> Choices)
{
    /// <summary>Only with the last piece, where it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Usage? Usage { get; init; }

    /// <summary>Only with the first piece, where they were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? PromptTokenIds { get; init; }
}

/// <summary>One answer, or what it has grown by.</summary>
/// <param name="FinishReason"><c>stop</c>, <c>length</c> or <c>abort</c>; null before the end.</param>
internal sealed record TokenChoice(int Index, IReadOnlyList<int> TokenIds, TokenLogprobs? Logprobs, string? FinishReason)
{
    /// <summary>Which weights the tokens came from; only at the end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WeightSpan>? WeightVersions { get; init; }

    /// <summary>Only for this server's own client.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TokenDetails? Agentrollout { get; init; }
}

/// <summary>What the protocol has no members for.</summary>
/// <param name="WeightVersion">The engine's number of the weights of the latest token.</param>
/// <param name="RawLogprobs">Of the tokens, in the raw distribution; null where the engine does not tell.</param>
/// <param name="SamplingLogprobs">In the one sampled from; null where that is the raw one.</param>
/// <param name="Finish">What the engine said; null before the end and where something else ended the answer.</param>
internal sealed record TokenDetails(
    long WeightVersion,
    IReadOnlyList<float?> RawLogprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<float?>? SamplingLogprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Finish);

/// <summary>Log-probabilities of sampled tokens, in the raw distribution.</summary>
internal sealed record TokenLogprobs(IReadOnlyList<SampledLogprob> Content);

/// <param name="Token"><c>token_id:N</c>, where clients of the older form look.</param>
/// <param name="TokenId">The id, where those of the newer form do.</param>
/// <param name="Rank">1 for the likeliest; null where it is not among the reported ones.</param>
internal record RankedLogprob(string Token, int TokenId, float Logprob, int? Rank)
{
    /// <summary>Tokens are named by their ids.</summary>
    public int[]? Bytes { get; }
}

/// <param name="TopLogprobs">The sampled token, then as many of the likeliest as were asked for, without it.</param>
internal sealed record SampledLogprob(string Token, int TokenId, float Logprob, int? Rank, IReadOnlyList<RankedLogprob> TopLogprobs)
    : RankedLogprob(Token, TokenId, Logprob, Rank);

/// <summary>Sampled tokens of one weight version, from one up to before another.</summary>
internal sealed record WeightSpan(string Version, int Start, int End);
