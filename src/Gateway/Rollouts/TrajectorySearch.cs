using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Storage;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>The filters of <c>GET /v1/trajectories</c>; all of them must hold, and one that is absent lets everything through.</summary>
internal sealed record TrajectorySearch
{
    /// <summary>Of this environment.</summary>
    public string? Environment { get; init; }

    /// <summary>Of this rollout.</summary>
    public string? Rollout { get; init; }

    /// <summary>Of this group.</summary>
    public string? Group { get; init; }

    /// <summary><c>completed</c>, <c>truncated</c>, <c>aborted</c> or <c>failed</c>.</summary>
    public string? Status { get; init; }

    [FromQuery(Name = "stop_reason")]
    public string? StopReason { get; init; }

    /// <summary>With a reward of at least this.</summary>
    [FromQuery(Name = "min_reward")]
    public double? MinReward { get; init; }

    /// <summary>With a reward of at most this.</summary>
    [FromQuery(Name = "max_reward")]
    public double? MaxReward { get; init; }

    /// <summary>Whose oldest sampled tokens are of this version of the weights or an earlier one, and whose newest of this or a later one.</summary>
    [FromQuery(Name = "weight_version")]
    public long? WeightVersion { get; init; }

    /// <summary>True: with a tool call that was malformed, refused or failed; false: without one.</summary>
    [FromQuery(Name = "tool_errors")]
    public bool? ToolErrors { get; init; }

    /// <summary>With this in a message, a tool call, the message of a failure or the task's id; ASCII letters of either case.</summary>
    public string? Text { get; init; }

    /// <exception cref="InvalidInputException">A word is unknown.</exception>
    public TrajectoryFilter ToFilter() => new()
    {
        Environment = Environment,
        RolloutId = Rollout,
        GroupId = Group,
        Status = Status is null ? null : QueryWord.Parse<TrajectoryStatus>("status", Status),
        StopReason = StopReason is null ? null : QueryWord.Parse<StopReason>("stop_reason", StopReason),
        MinReward = MinReward,
        MaxReward = MaxReward,
        WeightVersion = WeightVersion,
        HasToolErrors = ToolErrors,
        Text = Text,
    };
}
