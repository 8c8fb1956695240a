namespace AgentRollout.Tools.Contracts;

/// <summary>Tells every worker that a trajectory makes no further call, so that what is held for it can go.</summary>
/// <param name="TrajectoryId">The trajectory that ended.</param>
public sealed record TrajectoryEnded(string TrajectoryId);
