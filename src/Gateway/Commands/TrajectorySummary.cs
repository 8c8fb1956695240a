using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Gateway.Commands;

/// <summary>What the report keeps of a trajectory, so that a long rollout does not hold all of them.</summary>
internal sealed record TrajectorySummary(
    string GroupId,
    string TaskId,
    int SampleIndex,
    TrajectoryStatus Status,
    StopReason StopReason,
    double? Reward,
    int Turns,
    int ToolCalls,
    int Tokens,
    int SampledTokens,
    TrajectoryTimings Timings)
{
    public static TrajectorySummary Of(Trajectory trajectory) => new(
        trajectory.GroupId,
        trajectory.Task.Id,
        trajectory.SampleIndex,
        trajectory.Status,
        trajectory.StopReason,
        trajectory.Reward,
        trajectory.Turns,
        trajectory.ToolCalls.Count,
        trajectory.Sequences.Sum(sequence => sequence.TokenIds.Length),
        trajectory.SampledTokens,
        trajectory.Timings);
}
