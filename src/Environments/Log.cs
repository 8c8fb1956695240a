using AgentRollout.Environments.Loop;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Environments;

internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Debug, "Trajectory {TrajectoryId} of rollout {RolloutId} sealed: {StopReason} after {Turns} turns, reward {Reward}")]
    public static partial void TrajectorySealed(
        ILogger logger, string rolloutId, string trajectoryId, StopReason stopReason, int turns, double? reward);

    [LoggerMessage(2002, LogLevel.Warning, "Trajectory {TrajectoryId} of rollout {RolloutId} failed at the boundary {Boundary}")]
    public static partial void EpisodeFailed(
        ILogger logger, Exception exception, string rolloutId, string trajectoryId, FailureBoundary boundary);

    [LoggerMessage(2003, LogLevel.Error, "The loop itself broke in trajectory {TrajectoryId} of rollout {RolloutId}")]
    public static partial void LoopBroke(ILogger logger, Exception exception, string rolloutId, string trajectoryId);

    [LoggerMessage(2004, LogLevel.Warning, "The environment of trajectory {TrajectoryId} of rollout {RolloutId} threw while it was disposed")]
    public static partial void DisposeFailed(ILogger logger, Exception exception, string rolloutId, string trajectoryId);

    [LoggerMessage(2005, LogLevel.Warning, "What follows turn {Turn} of trajectory {TrajectoryId} of rollout {RolloutId} would differ from what its journal says; the journal holds")]
    public static partial void ReplayDiffers(ILogger logger, string rolloutId, string trajectoryId, int turn);
}
