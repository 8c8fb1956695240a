namespace AgentRollout.Tools;

/// <summary>Something that holds state for trajectories and lets go of it when they end. Safe to call concurrently.</summary>
public interface ITrajectoryEnd
{
    /// <summary>No further call of this trajectory will come. Does nothing for one that is not known here.</summary>
    ValueTask TrajectoryEndedAsync(string trajectoryId);
}
