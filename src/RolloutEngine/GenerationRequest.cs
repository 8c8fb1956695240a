namespace AgentRollout.RolloutEngine;

/// <summary>A sequence to continue.</summary>
public sealed record GenerationRequest
{
    /// <summary>For logs and errors, for example a trajectory id.</summary>
    public required string Id { get; init; }

    /// <summary>All tokens so far, at least one. The engine does not keep or change the memory after the last chunk.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>Most tokens to sample, at least 1. Together with <see cref="Tokens"/> it must fit the context.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>How to sample.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Sampling noise is a function of this seed and the absolute position of the sampled token, and of nothing else.</summary>
    public ulong Seed { get; init; }

    /// <summary>Generation ends after one of these was sampled; the stop token is part of the result.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];
}
