using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Loop;

/// <summary>A validated rollout: tasks x samples, with sampling and limits.</summary>
public sealed record RolloutSpec
{
    /// <summary>The rollout's id.</summary>
    public required string Id { get; init; }

    /// <summary>The environment that every task is played in.</summary>
    public required EnvironmentDefinition Environment { get; init; }

    /// <summary>The tasks in order; enumerated lazily and once.</summary>
    public required IEnumerable<RolloutTask> Tasks { get; init; }

    /// <summary>Names of the tools that are offered, in the order of the prompt; null for the environment's own.</summary>
    public IReadOnlyList<string>? Tools { get; init; }

    /// <summary>Trajectories per task: the size of a group. At least 1.</summary>
    public int SamplesPerTask { get; init; } = 1;

    /// <summary>How tokens are drawn.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>What happens where the template rewrites earlier turns.</summary>
    public HistoryPolicy History { get; init; }

    /// <summary>Which sampled tokens keep loss mask 1.</summary>
    public MaskPolicy Mask { get; init; }

    /// <summary>Bounds of every trajectory.</summary>
    public RolloutLimits Limits { get; init; } = new();

    /// <summary>From it, the task's index and the sample's index follows every trajectory's seed.</summary>
    public long Seed { get; init; }

    /// <summary>Awaited before a trajectory begins, so that whoever takes trajectories can hold the rollout up. Default null: nobody does.</summary>
    public Func<CancellationToken, ValueTask>? Admit { get; init; }

    /// <summary>Awaited with every sealed trajectory before it is yielded, with many of them at once. Default null: nobody keeps them.</summary>
    public Func<Trajectory, CancellationToken, ValueTask>? Keep { get; init; }

    /// <summary>Ids of trajectories that are stored already and are not played again, for a rollout that goes on after a restart.</summary>
    public IReadOnlySet<string> Finished { get; init; } = System.Collections.Frozen.FrozenSet<string>.Empty;

    /// <summary>Keeps what happens to the trajectories. Default <see cref="TrajectoryJournal.None"/>.</summary>
    public TrajectoryJournal Journal { get; init; } = TrajectoryJournal.None;

    /// <summary>Ids of trajectories that the journal knows and that are not stored yet: they go on where it ends.</summary>
    public IReadOnlySet<string> Begun { get; init; } = System.Collections.Frozen.FrozenSet<string>.Empty;
}
