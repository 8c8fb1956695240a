using AgentRollout.Environments.Loop;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Gateway.Commands;

/// <summary>What <c>rollout</c> was asked to do.</summary>
internal sealed record RolloutRunOptions
{
    public required string Environment { get; init; }

    public required RolloutTaskSource Tasks { get; init; }

    public required int Samples { get; init; }

    public required long Seed { get; init; }

    /// <summary>The file that trajectories are written to, or null.</summary>
    public required string? Output { get; init; }

    /// <summary>The model's folder; null for the shipped one.</summary>
    public required string? Model { get; init; }

    /// <summary>Folder of a reward model, or null.</summary>
    public required string? RewardModel { get; init; }

    public required SamplingParams Sampling { get; init; }

    public required RolloutLimits Limits { get; init; }

    public required HistoryPolicy History { get; init; }

    public required MaskPolicy Mask { get; init; }

    public required ChatFormatOptions Chat { get; init; }

    /// <summary>Where sandboxed tools run; null for nowhere.</summary>
    public required SandboxSettings? Sandbox { get; init; }

    /// <summary>Folder of plugins; null for none.</summary>
    public required string? Plugins { get; init; }

    /// <summary>Where the tools of other people are named.</summary>
    public required GatewayOptions Settings { get; init; }

    /// <summary>The tools that trajectories may call; null for the environment's.</summary>
    public required IReadOnlyList<string>? Tools { get; init; }

    public required int Concurrency { get; init; }

    /// <summary>Threads of the engine; 0 for one per processor.</summary>
    public required int Threads { get; init; }

    public required bool Json { get; init; }
}
