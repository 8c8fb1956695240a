namespace AgentRollout.RolloutEngine.Local;

/// <summary>Tokens whose log-probabilities are wanted.</summary>
public sealed record ScoreRequest
{
    /// <summary>At least one, at most the context length.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>The first token whose log-probability is wanted; those before it need not be computed where the cache has them. At least 1, the default.</summary>
    public int From { get; init; } = 1;

    /// <summary>How many of the likeliest tokens are reported at each place, in <see cref="ScoredToken.Top"/>. Range 0 to 20.</summary>
    public int TopLogprobs { get; init; }

    /// <summary>Tokens whose log-probabilities are reported at each place, in <see cref="ScoredToken.Watched"/>. At most 1,024.</summary>
    public IReadOnlyList<int> WatchedTokenIds { get; init; } = [];

    /// <summary>The distribution of the sampling log-probabilities.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Where generations began, ascending: penalties and the minimum length count from there.</summary>
    public IReadOnlyList<int> Starts { get; init; } = [];

    /// <summary>What those generations could end with.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Checks the request against what an engine serves, before anything is computed for it.</summary>
    /// <exception cref="EngineException">The first thing that is wrong, with the value and what is allowed.</exception>
    public void Validate(EngineModel model)
    {
        GenerationRequest.Validate("score", Tokens.Span, newTokens: 0, Sampling, model);
        if (From < 1)
            throw new EngineException($"Request 'score' asks for log-probabilities from token {From} on; nothing predicts those before token 1.");
        if (TopLogprobs is < 0 or > GenerationRequest.MaxTopLogprobs)
            throw new EngineException($"Request 'score' asks for {TopLogprobs} top log-probabilities; the range is 0 to {GenerationRequest.MaxTopLogprobs}.");
        GenerationRequest.ValidateWatched("score", WatchedTokenIds, model);
    }
}
