using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Environments.Replay;

/// <summary>What came of calling a trajectory's tools again.</summary>
public sealed record ToolReplayResult
{
    public required string TrajectoryId { get; init; }

    /// <summary>Every call of the trajectory, in order.</summary>
    public required IReadOnlyList<ReplayedCall> Calls { get; init; }

    /// <summary>Calls that were answered as recorded.</summary>
    public required int Same { get; init; }

    /// <summary>Calls that were answered otherwise.</summary>
    public required int Differing { get; init; }

    /// <summary>The first call that was answered otherwise; null where none was.</summary>
    public required string? FirstDivergence { get; init; }

    public required double Milliseconds { get; init; }
}

/// <summary>One call of a tool replay.</summary>
public sealed record ReplayedCall
{
    public required string Id { get; init; }

    public required int Turn { get; init; }

    public required string? Name { get; init; }

    public required CallOutcome Outcome { get; init; }

    /// <summary>What the model read.</summary>
    public required string? Recorded { get; init; }

    /// <summary>What it would read now, cut where the recorded result was; null where the call was not made.</summary>
    public string? Replayed { get; init; }

    /// <summary>The first UTF-16 unit that is different; null where none is.</summary>
    public int? FirstDifference { get; init; }

    /// <summary>The two results line by line, as <c>diff</c> writes them; null where they are the same.</summary>
    public string? Diff { get; init; }

    /// <summary>Time in the tool, then.</summary>
    public required double RecordedMs { get; init; }

    /// <summary>Time in the tool, now.</summary>
    public double ReplayedMs { get; init; }

    /// <inheritdoc cref="TrajectoryToolCall.Sandbox"/>
    public string? Sandbox { get; init; }
}

/// <summary>How a replayed call fared.</summary>
public enum CallOutcome
{
    /// <summary>The same result.</summary>
    Same,

    /// <summary>Another result.</summary>
    Differs,

    /// <summary>No tool was run then, so none was now: the call was unreadable, unknown, over a limit or cancelled.</summary>
    NotRun,
}
