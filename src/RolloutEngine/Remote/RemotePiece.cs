namespace AgentRollout.RolloutEngine.Remote;

/// <summary>What one piece of an answer adds, whatever the protocol. Lists have an entry for each new token, or are null where the server does not tell.</summary>
internal sealed record RemotePiece
{
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>In the distribution that the server reports.</summary>
    public IReadOnlyList<float> Logprobs { get; init; } = [];

    /// <summary>In the raw distribution, where the server tells it apart.</summary>
    public IReadOnlyList<float>? RawLogprobs { get; init; }

    /// <summary>In the distribution sampled from, where the server tells it apart.</summary>
    public IReadOnlyList<float>? SamplingLogprobs { get; init; }

    /// <summary>In the distribution that the server reports, as many for each token as were asked for.</summary>
    public IReadOnlyList<TokenLogprob[]>? Top { get; init; }

    public IReadOnlyList<float[]>? Watched { get; init; }

    public IReadOnlyList<int[]>? Kept { get; init; }

    /// <summary>Which weights the tokens came from, by where the next came into use; at least one.</summary>
    public required IReadOnlyList<VersionRun> Versions { get; init; }

    public FinishReason? Finish { get; init; }

    public int? CachedTokens { get; init; }

    public GenerationTimings? Timings { get; init; }

    /// <summary>Thrown behind the tokens, which stay valid.</summary>
    public EngineException? Failure { get; init; }
}

/// <summary>Weights from a token of the piece on.</summary>
internal readonly record struct VersionRun(int Start, long Version);
