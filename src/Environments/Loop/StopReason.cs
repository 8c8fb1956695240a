namespace AgentRollout.Environments.Loop;

/// <summary>Why a trajectory ended. Each has exactly one.</summary>
public enum StopReason
{
    /// <summary>The environment said that the episode is over.</summary>
    EnvironmentDone,

    /// <summary>The model had its <see cref="RolloutLimits.MaxTurns"/>.</summary>
    MaxTurns,

    /// <summary>The sequence reached <see cref="RolloutLimits.MaxTokens"/> or the model's context.</summary>
    MaxTokens,

    /// <summary>The trajectory's <see cref="RolloutLimits.Deadline"/> passed; what was sampled until then is kept.</summary>
    Deadline,

    /// <summary>Malformed tool calls exceeded <see cref="RolloutLimits.MaxParseRetries"/>.</summary>
    ParseFailure,

    /// <summary>Somebody cancelled the rollout; what was sampled until then is kept.</summary>
    Cancelled,

    /// <summary>Something outside the model broke; <see cref="RolloutFailure"/> says what and where.</summary>
    Failure,
}

/// <summary>A trajectory's state as trainers filter by it.</summary>
public enum TrajectoryStatus
{
    /// <summary>The environment ended the episode.</summary>
    Completed,

    /// <summary>A limit, a deadline or unreadable tool calls ended it.</summary>
    Truncated,

    /// <summary>It was cancelled.</summary>
    Aborted,

    /// <summary>Something outside the model broke.</summary>
    Failed,
}

/// <summary>The one mapping from stop reason to status.</summary>
public static class StopReasonStatus
{
    public static TrajectoryStatus ToStatus(this StopReason reason) => reason switch
    {
        StopReason.EnvironmentDone => TrajectoryStatus.Completed,
        StopReason.Cancelled => TrajectoryStatus.Aborted,
        StopReason.Failure => TrajectoryStatus.Failed,
        _ => TrajectoryStatus.Truncated,
    };
}
