using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Environments.Replay;

/// <summary>A trajectory's rewards as they would be now, beside those that it has.</summary>
public sealed record RescoreResult
{
    public required string TrajectoryId { get; init; }

    public required RescoreOutcome Outcome { get; init; }

    /// <summary>The outcome as one sentence, for people.</summary>
    public required string Detail { get; init; }

    public required double? RecordedReward { get; init; }

    public required IReadOnlyDictionary<string, double> RecordedComponents { get; init; }

    /// <summary>Null where nothing was scored.</summary>
    public double? Reward { get; init; }

    /// <summary>Null where nothing was scored.</summary>
    public IReadOnlyDictionary<string, double>? Components { get; init; }

    /// <summary>The trajectory with the new rewards and the digest that they give; the recorded one where nothing was scored.</summary>
    public Trajectory ApplyTo(Trajectory trajectory) => Components is not { } components ? trajectory : trajectory with
    {
        Reward = Reward,
        RewardComponents = components,
        Digest = TrajectoryDigest.Compute(trajectory.Sequences, Reward, components),
    };
}

/// <summary>How a trajectory fared that was rescored.</summary>
public enum RescoreOutcome
{
    /// <summary>The same rewards, to the bit.</summary>
    Same,

    /// <summary>Other rewards.</summary>
    Differs,

    /// <summary>The environment did not end it, so that there is nothing to score.</summary>
    NotScored,

    /// <summary>The environment does otherwise than recorded, or refuses the task, so that its rewards would be those of another episode.</summary>
    Failed,
}
