using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Gateway.Replay;

/// <summary>The body of <c>POST /v1/trajectories/{id}/replay</c>.</summary>
internal sealed record ReplayRequest
{
    public const int MostTurns = 1_000;

    /// <summary>Default <c>verify</c>.</summary>
    public ReplayMode Mode { get; set; }

    /// <summary>The first turn that <c>show</c> shows. Default 0: the prompt.</summary>
    [Range(0, MostTurns)]
    public int FromTurn { get; set; }

    /// <summary>Wall-clock limit of one tool call in seconds. Default 30.</summary>
    [Range(0.001, 3_600.0)]
    public double ToolTimeoutSeconds { get; set; } = 30;
}
