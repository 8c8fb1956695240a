namespace AgentRollout.RolloutEngine.Routing;

/// <summary>How a <see cref="RouterEngine"/> chooses and watches its engines.</summary>
public sealed record RoutingOptions
{
    /// <summary>Whether engines whose weights are older than the newest of the fleet are sent requests. Default false: they wait until they are brought up to date.</summary>
    public bool AllowStale { get; init; }

    /// <summary>
    /// What was computed somewhere draws a request there as long as that engine has less than this times its fair share of all requests. Default 1.25;
    /// range 1 to 100.
    /// </summary>
    public double LoadBound { get; init; } = 1.25;

    /// <summary>A trajectory comes back to an engine with fewer requests than this, whatever the others have. Default 8; range 0 to 65536.</summary>
    public int LoadFloor { get; init; } = 8;

    /// <summary>Time between two questions how an engine is. Default 2 s.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an engine may take to answer one; two in a row without an answer are its end. Default 10 s.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>An engine that is away is looked for at intervals that double up to this. Default 60 s.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a request without a deadline before it waits while no engine can take it. Default 300 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>A request fails once this many engines in a row were lost with it before any gave it a token: it may be what ends them. Default 4; range 1 to 1024.</summary>
    public int MaxLosses { get; init; } = 4;
}
