using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>Where a rollout is. Every accepted one reaches exactly one of completed, cancelled and failed.</summary>
[JsonConverter(typeof(SnakeCaseEnum<RolloutState>))]
internal enum RolloutState
{
    /// <summary>Accepted and stored; it waits for its turn.</summary>
    Queued,

    /// <summary>Its trajectories play.</summary>
    Running,

    /// <summary>Agents outside play its trajectories, in sessions.</summary>
    Capturing,

    /// <summary>Every trajectory is sealed, whatever its own status.</summary>
    Completed,

    /// <summary>Somebody cancelled it; finished and partial trajectories are kept.</summary>
    Cancelled,

    /// <summary>It could not be played to its end; the error says why. Trajectories that finished are kept.</summary>
    Failed,

    /// <summary>It was played elsewhere; <c>agentrollout import</c> brought what there is of its trajectories.</summary>
    Imported,
}
