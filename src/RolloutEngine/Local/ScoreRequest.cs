namespace AgentRollout.RolloutEngine.Local;

/// <summary>Tokens whose log-probabilities are wanted.</summary>
public sealed record ScoreRequest
{
    /// <summary>At least one, at most the context length.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>The distribution of the sampling log-probabilities.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Where generations began, ascending: penalties and the minimum length count from there.</summary>
    public IReadOnlyList<int> Starts { get; init; } = [];

    /// <summary>What those generations could end with.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];
}
