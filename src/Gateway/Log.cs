using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Information, "Rollout {RolloutId} starts: {Environment}, {Trajectories} trajectories, {Finished} of them finished before")]
    public static partial void RolloutStarted(ILogger logger, string rolloutId, string environment, int trajectories, int finished);

    [LoggerMessage(1002, LogLevel.Information, "Rollout {RolloutId} ended: {State}")]
    public static partial void RolloutEnded(ILogger logger, string rolloutId, RolloutState state);

    [LoggerMessage(1003, LogLevel.Information, "Rollout {RolloutId} goes on when the server starts again")]
    public static partial void RolloutInterrupted(ILogger logger, string rolloutId);

    [LoggerMessage(1004, LogLevel.Error, "Rollout {RolloutId} failed")]
    public static partial void RolloutFailed(ILogger logger, Exception exception, string rolloutId);

    [LoggerMessage(1005, LogLevel.Error, "{Method} {Path} broke")]
    public static partial void RequestBroke(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(1006, LogLevel.Warning, "Refused {Method} {Path}: {Reason}")]
    public static partial void RequestRefused(ILogger logger, string method, string path, string reason);

    [LoggerMessage(1008, LogLevel.Information, "Weights of version {Version} from {Path} are in use")]
    public static partial void WeightsChanged(ILogger logger, long version, string path);

    [LoggerMessage(1009, LogLevel.Warning, "Weights of version {Version} from {Path} could not be added up; others may have followed them")]
    public static partial void WeightsNotConfirmed(ILogger logger, long version, string path, Exception exception);

    [LoggerMessage(1007, LogLevel.Information, "Model {Model} from {Folder}; database {Database}")]
    public static partial void Serving(ILogger logger, string model, string folder, string database);

    [LoggerMessage(1010, LogLevel.Information, "Model {Model} from {Folder}; an engine for others")]
    public static partial void ServingEngine(ILogger logger, string model, string folder);

    [LoggerMessage(1101, LogLevel.Information, "{Name} is registered as a source of tools: {Target}")]
    public static partial void ToolRegistered(ILogger logger, string name, string target);

    [LoggerMessage(1102, LogLevel.Information, "{Name} is not registered any more")]
    public static partial void ToolUnregistered(ILogger logger, string name);

    [LoggerMessage(1103, LogLevel.Error, "What is registered as {Name} cannot be offered: {Reason}")]
    public static partial void RegistrationNotLoaded(ILogger logger, string name, string reason);

    [LoggerMessage(1042, LogLevel.Error, "Rollout {RolloutId} waits: {Reason} Nothing is lost; it tries again every {Seconds} s")]
    public static partial void StorageUnavailable(ILogger logger, string rolloutId, string reason, double seconds);

    [LoggerMessage(1040, LogLevel.Information, "Plugin {Plugin} is loaded: {Tools} tools, {Environments} environments, {Rewards} rewards, {Parsers} tool-call parsers")]
    public static partial void PluginLoaded(ILogger logger, string plugin, int tools, int environments, int rewards, int parsers);

    [LoggerMessage(1060, LogLevel.Warning, "Trajectory {TrajectoryId} of rollout {RolloutId} hangs ({Stage}: {Age:0.#} s of at most {Limit} s): turn {Turn} waits for {WaitsFor}{Calls}")]
    public static partial void TrajectoryHangs(
        ILogger logger, string trajectoryId, string rolloutId, string stage, double age, double limit, int turn, string waitsFor, string calls);

    [LoggerMessage(1061, LogLevel.Warning, "{Count} more trajectories hang; GET /v1/pending lists them")]
    public static partial void MoreTrajectoriesHang(ILogger logger, int count);

    [LoggerMessage(1062, LogLevel.Information, "Trajectory {TrajectoryId} of rollout {RolloutId}, which hung for {Stage}, {Outcome}")]
    public static partial void TrajectoryGoesOn(ILogger logger, string trajectoryId, string rolloutId, string stage, string outcome);

    [LoggerMessage(1063, LogLevel.Information, "{Count} more trajectories that hung go on or have ended")]
    public static partial void MoreTrajectoriesGoOn(ILogger logger, int count);

    [LoggerMessage(1031, LogLevel.Information, "Weights {Version} arrive over a process group")]
    public static partial void WeightsBroadcast(ILogger logger, long version);

    [LoggerMessage(1070, LogLevel.Information, "Retention dropped {Rollouts} rollouts with {Trajectories} trajectories")]
    public static partial void RolloutsDropped(ILogger logger, int rollouts, int trajectories);

    [LoggerMessage(1071, LogLevel.Warning, "The database holds more than 'retention' allows, and nothing of it may be dropped: what is left plays, is leased, or was not acknowledged")]
    public static partial void NothingToDrop(ILogger logger);

    [LoggerMessage(1072, LogLevel.Warning, "Retention could not drop anything")]
    public static partial void RetentionFailed(ILogger logger, Exception exception);

    [LoggerMessage(1050, LogLevel.Warning, "Replay {ReplayId} of trajectory {TrajectoryId} failed")]
    public static partial void ReplayFailed(ILogger logger, Exception exception, string replayId, string trajectoryId);

    [LoggerMessage(1080, LogLevel.Warning, "Session {SessionId} could not be stored and is tried again: {Reason}")]
    public static partial void SessionNotStored(ILogger logger, string sessionId, string reason);
}
