namespace AgentRollout.Gateway.Delivery;

/// <summary>What a request for a lease got. The trajectories follow it, those of a group one after the other.</summary>
internal sealed record LeaseResponse
{
    /// <summary>Names the lease; null where there was nothing to take.</summary>
    public required string? LeaseId { get; init; }

    /// <summary>When it ends unless it is extended.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>True once the rollout has ended and all of its trajectories are acknowledged or dropped: nothing will come any more.</summary>
    public required bool Exhausted { get; init; }

    /// <summary>The groups, where these are handed out.</summary>
    public required IReadOnlyList<LeasedGroup>? Groups { get; init; }

    /// <summary>Where the rollout's trajectories are.</summary>
    public required DeliveryCounts Delivery { get; init; }
}

/// <summary>A group in a lease.</summary>
/// <param name="Id">The group.</param>
/// <param name="TrajectoryIds">Its trajectories, in the order in which they follow.</param>
/// <param name="Advantages">One for each, where they were asked for.</param>
internal sealed record LeasedGroup(string Id, IReadOnlyList<string> TrajectoryIds, IReadOnlyList<double>? Advantages);

/// <summary>Where a rollout's finished trajectories are.</summary>
/// <param name="Available">Ready to be taken, or waiting for the rest of their group.</param>
/// <param name="Leased">In somebody's hands.</param>
/// <param name="Acknowledged">Done with.</param>
/// <param name="Dropped">Not handed out, by reason.</param>
internal sealed record DeliveryCounts(int Available, int Leased, int Acknowledged, IReadOnlyDictionary<string, int> Dropped);

/// <summary>How a lease ended.</summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="Acknowledged">Trajectories that are done with now.</param>
/// <param name="Lost">Trajectories that were handed to somebody else before, because the lease had expired.</param>
internal sealed record LeaseEnded(string LeaseId, int Acknowledged, int Lost);

/// <summary>A lease that goes on.</summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="ExpiresAt">When it ends unless it is extended again.</param>
internal sealed record LeaseExtended(string LeaseId, DateTimeOffset ExpiresAt);
