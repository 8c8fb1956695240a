using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>One measurement: how many trajectories play what, and with what around them.</summary>
internal sealed record LoopLoad
{
    public required LoopScript Script { get; init; }

    /// <summary>Trajectories in play at once.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Trajectories that are started at least.</summary>
    public int Trajectories { get; init; }

    /// <summary>Trajectories are started for so long.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>The engine's time for a number of tokens; null for none.</summary>
    public Func<int, CancellationToken, Task>? Generate { get; init; }

    /// <summary>Awaited before a trajectory begins; null where nothing holds it up.</summary>
    public Func<CancellationToken, ValueTask>? Admit { get; init; }

    /// <summary>Told after each trajectory.</summary>
    public Action? Ended { get; init; }

    /// <summary>Keeps what happens to the trajectories; null where nobody does.</summary>
    public GatewayDatabase? Database { get; init; }

    public TurnOverhead Overhead { get; } = new();
}

/// <summary>What a measurement showed.</summary>
/// <param name="Trajectories">That ended.</param>
/// <param name="Wall">Of all of it.</param>
/// <param name="Processor">Processor time of the process.</param>
internal sealed record LoopRun(int Trajectories, TimeSpan Wall, TimeSpan Processor)
{
    public int Turns => Trajectories * LoopScript.Turns;

    public double TurnsPerSecond => Turns / Wall.TotalSeconds;

    public double ProcessorMicrosecondsPerTurn => Processor.TotalMicroseconds / Turns;
}
