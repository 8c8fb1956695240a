namespace AgentRollout.Environments.Trajectories;

/// <summary>Keeps sealed trajectories. Safe to call concurrently.</summary>
public interface ITrajectoryStore
{
    /// <summary>Stores a sealed trajectory durably before the task completes. A second trajectory of the same id is refused.</summary>
    ValueTask AppendAsync(Trajectory trajectory, CancellationToken cancellationToken);

    /// <summary>The trajectory of that id, or null.</summary>
    ValueTask<Trajectory?> FindAsync(string trajectoryId, CancellationToken cancellationToken);

    /// <summary>The trajectories of one rollout so far, in the order in which they were sealed.</summary>
    IAsyncEnumerable<Trajectory> ReadAsync(string rolloutId, CancellationToken cancellationToken);
}
