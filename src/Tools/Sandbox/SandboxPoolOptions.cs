using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Tools.Sandbox;

/// <summary>How many sandboxes wait for trajectories, and the limits of each.</summary>
public sealed record SandboxPoolOptions
{
    /// <summary>Sandboxes that are started ahead of demand. Default 4; 0 starts each when it is asked for.</summary>
    [Range(0, 1_024)]
    public int Warm { get; set; } = 4;

    /// <summary>Sandboxes that start at once; engines gain little beyond a few. Default 4.</summary>
    [Range(1, 64)]
    public int ConcurrentStarts { get; set; } = 4;

    /// <summary>Limits of every sandbox.</summary>
    public SandboxOptions Sandbox { get; set; } = new();
}
