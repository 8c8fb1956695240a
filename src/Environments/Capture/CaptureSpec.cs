using AgentRollout.Environments.Journal;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Capture;

/// <summary>One trajectory that an agent outside plays.</summary>
public sealed record CaptureSpec
{
    public required string TrajectoryId { get; init; }

    public required string RolloutId { get; init; }

    public required string GroupId { get; init; }

    /// <summary>Position within the group, from 0.</summary>
    public required int SampleIndex { get; init; }

    /// <summary>What the agent plays; a label, since nothing here knows it.</summary>
    public required string Environment { get; init; }

    public required RolloutTask Task { get; init; }

    /// <summary>How every turn is sampled: one trajectory has one distribution, whatever the agent asks for.</summary>
    public required SamplingParams Sampling { get; init; }

    /// <summary>Which sampled tokens keep loss mask 1.</summary>
    public MaskPolicy Mask { get; init; }

    /// <summary>Most assistant turns.</summary>
    public required int MaxTurns { get; init; }

    /// <summary>Most tokens of a sequence, prompt included; null for the model's context.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Most tokens sampled in one turn; null for no limit of its own.</summary>
    public int? MaxTokensPerTurn { get; init; }

    /// <summary>Seed of the trajectory's sampling noise, in [0, 2^53).</summary>
    public required long Seed { get; init; }

    /// <summary>Where everything is written before it is shown.</summary>
    public TrajectoryJournal Journal { get; init; } = TrajectoryJournal.None;

    /// <summary>What an earlier run wrote there: the session goes on behind it. Default empty: it begins.</summary>
    public IReadOnlyList<JournalEntry> Recorded { get; init; } = [];
}
