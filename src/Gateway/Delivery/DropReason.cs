namespace AgentRollout.Gateway.Delivery;

/// <summary>Why a trajectory is not handed out.</summary>
internal enum DropReason
{
    /// <summary>Its status is not among those asked for.</summary>
    Status,

    /// <summary>It has tokens from weights that are too old.</summary>
    Stale,

    /// <summary>Its group had too few usable trajectories.</summary>
    SmallGroup,

    /// <summary>All rewards of its group were the same.</summary>
    EqualRewards,

    /// <summary>Its group was handed out before it ended.</summary>
    Late,
}
