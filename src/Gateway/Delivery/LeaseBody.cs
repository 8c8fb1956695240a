using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Rewards;

namespace AgentRollout.Gateway.Delivery;

/// <summary>The body of <c>POST /v1/rollouts/{id}/leases</c>: what to take, for how long.</summary>
internal sealed record LeaseBody
{
    /// <summary><c>trajectory</c> or <c>group</c>: all trajectories of a task together.</summary>
    [DefaultValue(LeaseUnit.Trajectory)]
    public LeaseUnit Unit { get; set; }

    /// <summary>Most trajectories or groups.</summary>
    [Range(1, 10_000)]
    [DefaultValue(64)]
    public int Count { get; set; } = 64;

    /// <summary>How long they are held. Those that are neither acknowledged nor extended by then are handed out again.</summary>
    [Range(1.0, 86_400.0)]
    [DefaultValue(300d)]
    public double Seconds { get; set; } = 300;

    /// <summary>How long to wait where nothing is there yet.</summary>
    [Range(0.0, 300.0)]
    [DefaultValue(0d)]
    public double WaitSeconds { get; set; }

    /// <summary>What is not handed out.</summary>
    public FilterBody Filters { get; set; } = new();

    /// <summary>How the advantages of a group's trajectories are computed; needs <c>unit</c> <c>group</c>. Default: none are.</summary>
    public AdvantageKind? Advantages { get; set; }

    /// <summary>For a batch: the side that shorter sequences are filled up on.</summary>
    [DefaultValue(PaddingSide.Right)]
    public PaddingSide Padding { get; set; } = PaddingSide.Right;

    /// <summary>For a batch: the token id that fills.</summary>
    [Range(0, int.MaxValue)]
    [DefaultValue(0)]
    public int PadTokenId { get; set; }
}

/// <summary>What is not handed out. What a filter drops is dropped for good, counted and told.</summary>
internal sealed record FilterBody
{
    /// <summary>Trajectories of another status are dropped.</summary>
    public IReadOnlyList<TrajectoryStatus> Statuses { get; set; } = [TrajectoryStatus.Completed, TrajectoryStatus.Truncated];

    /// <summary>Trajectories with a token from weights that are more versions behind are dropped; null keeps all.</summary>
    [Range(0, int.MaxValue)]
    public int? MaxStaleness { get; set; }

    /// <summary>
    /// A group is handed out as soon as it has so many usable trajectories, and those of its trajectories that end later are dropped; one that
    /// ends with fewer is dropped. Default: a group is handed out when all of it has ended.
    /// </summary>
    [Range(1, 4_096)]
    public int? MinGroupSize { get; set; }

    /// <summary>Groups whose rewards are all the same are dropped: they teach nothing.</summary>
    [DefaultValue(false)]
    public bool DropEqualRewards { get; set; }
}

/// <summary>What is handed out as a whole.</summary>
internal enum LeaseUnit
{
    /// <summary>Single trajectories.</summary>
    Trajectory,

    /// <summary>The trajectories of a task.</summary>
    Group,
}

/// <summary>Where padding goes.</summary>
internal enum PaddingSide
{
    /// <summary>In front of the sequence.</summary>
    Left,

    /// <summary>Behind it.</summary>
    Right,
}

/// <summary>The body of <c>POST /v1/leases/{id}/extend</c>.</summary>
internal sealed record ExtendBody
{
    /// <summary>How long the lease is held from now on.</summary>
    [Range(1.0, 86_400.0)]
    [DefaultValue(300d)]
    public double Seconds { get; set; } = 300;
}
