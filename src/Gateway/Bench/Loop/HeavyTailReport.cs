namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>The loop beside a lock-step runner. Rates are in simulated time, before it was scaled down.</summary>
/// <param name="Concurrency">Trajectories in play at once.</param>
/// <param name="Trajectories">Trajectories of each way.</param>
/// <param name="Scale">What all times were divided by.</param>
/// <param name="TrajectoriesPerSecond">Completed by the loop.</param>
/// <param name="LockStepTrajectoriesPerSecond">Completed where every batch waits for its slowest tool in every turn.</param>
/// <param name="EngineUtilisation">Tokens sampled as a share of what a full batch would have sampled all the time.</param>
/// <param name="LockStepEngineUtilisation">The same in lock-step.</param>
/// <param name="Ratio">Of the two rates.</param>
internal sealed record HeavyTailReport(
    int Concurrency,
    int Trajectories,
    double Scale,
    double TrajectoriesPerSecond,
    double LockStepTrajectoriesPerSecond,
    double EngineUtilisation,
    double LockStepEngineUtilisation,
    double Ratio);
