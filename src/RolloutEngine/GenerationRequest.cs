namespace AgentRollout.RolloutEngine;

/// <summary>A sequence to continue.</summary>
public sealed record GenerationRequest
{
    /// <summary>The largest <see cref="TopLogprobs"/>.</summary>
    public const int MaxTopLogprobs = 20;

    /// <summary>The most <see cref="WatchedTokenIds"/>.</summary>
    public const int MaxWatchedTokens = 1_024;

    /// <summary>The largest <see cref="Priority"/>; the smallest is its negative.</summary>
    public const int MaxPriority = 8;

    /// <summary>For logs and errors, for example a trajectory id.</summary>
    public required string Id { get; init; }

    /// <summary>All tokens so far, at least one. The engine does not keep or change the memory after the last chunk.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>Most tokens to sample, at least 1. Together with <see cref="Tokens"/> it must fit the context.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>
    /// How many of the last <see cref="Tokens"/> this generation has sampled already, at an engine that was lost: penalties, the minimum length and stop
    /// sequences count them, <see cref="MaxNewTokens"/> does not. Default 0.
    /// </summary>
    public int SampledBefore { get; init; }

    /// <summary>How to sample.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Sampling noise is a function of this seed and the absolute position of the sampled token, and of nothing else.</summary>
    public ulong Seed { get; init; }

    /// <summary>Generation ends after one of these was sampled; the stop token is part of the result. Without any it goes on to <see cref="MaxNewTokens"/>.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Generation ends after it has sampled one of these in a row; it is part of the result.</summary>
    public IReadOnlyList<IReadOnlyList<int>> StopSequences { get; init; } = [];

    /// <summary>How many of the likeliest tokens are reported with each sampled one, in <see cref="TokenChunk.TopLogprobs"/>. Range 0 to 20.</summary>
    public int TopLogprobs { get; init; }

    /// <summary>Tokens whose log-probabilities are reported with each sampled one, in <see cref="TokenChunk.WatchedLogprobs"/>. At most 1,024.</summary>
    public IReadOnlyList<int> WatchedTokenIds { get; init; } = [];

    /// <summary>
    /// Whether each sampled token's log-probability after the changes of logits and the temperature, but before the filters, is reported, in
    /// <see cref="TokenChunk.UnfilteredLogprobs"/>. Top and watched log-probabilities are then of that distribution too. Greedy sampling counts as
    /// temperature 1 here.
    /// </summary>
    public bool ReturnUnfilteredLogprobs { get; init; }

    /// <summary>Whether the tokens that the filters left are reported with each sampled one, in <see cref="TokenChunk.KeptTokens"/>.</summary>
    public bool ReturnKeptTokens { get; init; }

    /// <summary>
    /// The share of the engine that the request's flow gets: each step up doubles it, so that low priorities are slow but never starve.
    /// Range -8 to 8.
    /// </summary>
    public int Priority { get; init; }

    /// <summary>Requests with the same key, a rollout's id for example, share one turn: the engine divides itself among keys, not requests.</summary>
    public string FairnessKey { get; init; } = "";

    /// <summary>Requests with the same key begin alike, as a group's samples do: while one computes the common beginning the others wait for it.</summary>
    public string? GroupKey { get; init; }

    /// <summary>
    /// Names a sequence that will come back longer, a trajectory that waits for a tool for example: what was computed is kept for the next
    /// request with this key, unless it takes too long or memory is short. Then it is computed again, to the same bits.
    /// </summary>
    public string? CacheKey { get; init; }

    /// <summary>
    /// When an engine gives up: whatever the request waits for or computes then, it ends between two steps with <see cref="FinishReason.Deadline"/>
    /// and what was sampled until then. By the engine's clock; null for never.
    /// </summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>What happens where an update of the weights or a release of memory interrupts the generation.</summary>
    public InterruptPolicy OnInterrupt { get; init; }

    /// <summary>Checks the request against what an engine serves, before anything is computed for it.</summary>
    /// <exception cref="EngineException">The first thing that is wrong, with the value and what is allowed.</exception>
    public void Validate(EngineModel model)
    {
        if (MaxNewTokens < 1)
            throw Refused(Id, $"asks for {MaxNewTokens} new tokens; at least 1 is needed");
        if (SampledBefore < 0 || SampledBefore > Tokens.Length)
            throw Refused(Id, $"says that {SampledBefore} of its {Tokens.Length} tokens were sampled before; the range is 0 to {Tokens.Length}");
        if (Math.Abs((long)Priority) > MaxPriority)
            throw Refused(Id, $"has priority {Priority}; the range is {-MaxPriority} to {MaxPriority}");
        if (TopLogprobs is < 0 or > MaxTopLogprobs)
            throw Refused(Id, $"asks for {TopLogprobs} top log-probabilities; the range is 0 to {MaxTopLogprobs}");
        ValidateWatched(Id, WatchedTokenIds, model);
        if (StopSequences.Any(sequence => sequence.Count == 0))
            throw Refused(Id, "has an empty stop sequence; at least one token is needed");
        Validate(Id, Tokens.Span, MaxNewTokens, Sampling, model);
    }

    internal static void ValidateWatched(string id, IReadOnlyList<int> watched, EngineModel model)
    {
        if (watched.Count > MaxWatchedTokens)
            throw Refused(id, $"asks for the log-probabilities of {watched.Count} tokens; at most {MaxWatchedTokens} can be watched");
        foreach (int token in watched)
        {
            if ((uint)token >= (uint)model.VocabularySize)
                throw Refused(id, $"asks for the log-probability of token id {token}; ids of '{model.Name}' are 0 to {model.VocabularySize - 1}");
        }
    }

    internal static void Validate(string id, ReadOnlySpan<int> tokens, int newTokens, SamplingParams sampling, EngineModel model)
    {
        if (tokens.IsEmpty)
            throw Refused(id, "has no tokens; at least one is needed");
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)model.VocabularySize)
                throw Refused(id, $"has token id {token}; ids of '{model.Name}' are 0 to {model.VocabularySize - 1}");
        }

        if ((long)tokens.Length + newTokens > model.ContextLength)
            throw Refused(id, $"has {tokens.Length} tokens and asks for {newTokens} more, which exceeds the context length {model.ContextLength} of '{model.Name}'");
        if (sampling.Problem(model.VocabularySize) is { } problem)
            throw Refused(id, problem);
    }

    private static EngineException Refused(string id, string reason) => new($"Request '{id}' {reason}.");
}

/// <summary>What becomes of a generation that is interrupted.</summary>
public enum InterruptPolicy
{
    /// <summary>It goes on from what it has sampled, as soon as the engine can; its chunks say which weights each token came from.</summary>
    AutoResume,

    /// <summary>It ends with <see cref="FinishReason.Interrupted"/> and what it has sampled.</summary>
    ReturnPartial,

    /// <summary>It starts again, so that all of its tokens come from the same weights. It streams nothing until its end, since nothing could be taken back.</summary>
    Restart,
}
