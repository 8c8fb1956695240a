using System.ComponentModel.DataAnnotations;
using AgentRollout.RolloutEngine.Routing;

namespace AgentRollout.Gateway.Engines;

/// <summary>How requests find their engine: the setting <c>routing</c> (docs/routing.md).</summary>
internal sealed record RoutingSettings
{
    /// <summary>Send requests to engines whose weights are older than the newest of the fleet. Default false.</summary>
    public bool AllowStale { get; set; }

    /// <summary>What was computed draws a request to an engine with less than this times its fair share of all requests. Default 1.25.</summary>
    [Range(1.0, 100.0)]
    public double LoadBound { get; set; } = 1.25;

    /// <summary>A trajectory comes back to an engine with fewer requests than this, whatever the others have. Default 8.</summary>
    [Range(0, 65_536)]
    public int LoadFloor { get; set; } = 8;

    /// <summary>Time between two questions how an engine is. Default 2.</summary>
    [Range(0.1, 3_600.0)]
    public double ProbeIntervalSeconds { get; set; } = 2;

    /// <summary>How long it may take to answer one; two in a row without an answer are its end. Default 10.</summary>
    [Range(0.1, 600.0)]
    public double ProbeTimeoutSeconds { get; set; } = 10;

    /// <summary>One that is away is looked for at intervals that double up to this. Default 60.</summary>
    [Range(0.1, 3_600.0)]
    public double MaxBackoffSeconds { get; set; } = 60;

    /// <summary>How long a request without an earlier deadline waits while no engine can take it. Default 300.</summary>
    [Range(0.0, 86_400.0)]
    public double PatienceSeconds { get; set; } = 300;

    /// <summary>A request fails once so many engines in a row were lost with it before any gave it a token. Default 4.</summary>
    [Range(1, 1_024)]
    public int MaxLosses { get; set; } = 4;

    /// <summary>The same in the router's words.</summary>
    public RoutingOptions ToOptions() => new()
    {
        AllowStale = AllowStale,
        LoadBound = LoadBound,
        LoadFloor = LoadFloor,
        ProbeInterval = TimeSpan.FromSeconds(ProbeIntervalSeconds),
        ProbeTimeout = TimeSpan.FromSeconds(ProbeTimeoutSeconds),
        MaxBackoff = TimeSpan.FromSeconds(MaxBackoffSeconds),
        Patience = TimeSpan.FromSeconds(PatienceSeconds),
        MaxLosses = MaxLosses,
    };
}
