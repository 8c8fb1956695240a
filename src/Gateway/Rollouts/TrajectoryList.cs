using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>A page of trajectories, the one that was sealed last first.</summary>
/// <param name="Trajectories">The page.</param>
/// <param name="Next">Pass as <c>before</c> to go on, or null at the end.</param>
/// <param name="Total">How many match, on the first page; null on those behind it.</param>
internal sealed record TrajectoryList(IReadOnlyList<TrajectorySummary> Trajectories, string? Next, long? Total);

/// <summary>A stored trajectory in a list.</summary>
internal sealed record TrajectorySummary
{
    public required string Id { get; init; }

    public required string RolloutId { get; init; }

    public required string GroupId { get; init; }

    public required string Environment { get; init; }

    public required string TaskId { get; init; }

    public required int SampleIndex { get; init; }

    public required TrajectoryStatus Status { get; init; }

    public required StopReason StopReason { get; init; }

    public required double? Reward { get; init; }

    public required int Turns { get; init; }

    public required int ToolCalls { get; init; }

    /// <summary>Calls that were malformed, refused or failed.</summary>
    public required int ToolErrors { get; init; }

    public required int Tokens { get; init; }

    public required int SampledTokens { get; init; }

    /// <summary>The oldest weights that sampled it; null where nothing was sampled.</summary>
    public required long? OldestWeights { get; init; }

    public required long? NewestWeights { get; init; }

    public required double TotalMs { get; init; }
}
