namespace AgentRollout.RolloutEngine.Routing;

/// <summary>What a router knows of one of its engines.</summary>
/// <param name="Name">Its name in the fleet.</param>
/// <param name="State">Whether it can be sent requests.</param>
/// <param name="WeightVersion">Of the weights that it had when it was last heard of.</param>
/// <param name="InFlight">Requests of this router that it has.</param>
/// <param name="Requests">Requests that it was ever sent, parts of those that moved included.</param>
/// <param name="Losses">How often it was lost.</param>
/// <param name="Load">What it said of itself last; null where it is away.</param>
/// <param name="Error">Why it is away, or what it refused when it was to be brought up to date; null where all is well.</param>
public sealed record EngineStatus(
    string Name, EngineState State, long WeightVersion, int InFlight, long Requests, long Losses, EngineLoad? Load, string? Error);

/// <summary>Whether an engine of a fleet can be sent requests.</summary>
public enum EngineState
{
    /// <summary>It takes requests.</summary>
    Up,

    /// <summary>Its weights are older than those of others.</summary>
    Stale,

    /// <summary>It finishes what it has and takes nothing new.</summary>
    Draining,

    /// <summary>It does not answer; it is looked for at growing intervals.</summary>
    Down,
}
