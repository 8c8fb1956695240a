using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Storage;

/// <summary>Which stored trajectories a list shows: those for which everything that is not null holds.</summary>
internal sealed record TrajectoryFilter
{
    public string? Environment { get; init; }

    public string? RolloutId { get; init; }

    public string? GroupId { get; init; }

    public TrajectoryStatus? Status { get; init; }

    public StopReason? StopReason { get; init; }

    public double? MinReward { get; init; }

    public double? MaxReward { get; init; }

    /// <summary>Between the oldest and the newest weights that sampled it, both included.</summary>
    public long? WeightVersion { get; init; }

    public bool? HasToolErrors { get; init; }

    /// <summary>Part of what was said, called or reported, or of the task's id.</summary>
    public string? Text { get; init; }
}
