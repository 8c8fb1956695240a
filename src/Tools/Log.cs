using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools;

internal static partial class Log
{
    [LoggerMessage(3001, LogLevel.Debug, "Call {CallId} of trajectory {TrajectoryId} came again and is answered with its first result")]
    public static partial void CallRepeated(ILogger logger, string callId, string trajectoryId);

    [LoggerMessage(3002, LogLevel.Warning, "Tool {ToolName} threw in call {CallId}")]
    public static partial void ToolThrew(ILogger logger, string toolName, string callId, Exception error);

    [LoggerMessage(3003, LogLevel.Information, "Tool {ToolName} ended call {CallId} {LateMs} ms after it was cancelled")]
    public static partial void LateToolEnded(ILogger logger, string toolName, string callId, double lateMs);

    [LoggerMessage(3004, LogLevel.Debug, "Tool bus at {Address} started in {StartMs} ms")]
    public static partial void BusStarted(ILogger logger, Uri address, double startMs);

    [LoggerMessage(3005, LogLevel.Warning, "A message was not confirmed by the broker and is sent again: {Reason}")]
    public static partial void SendFailed(ILogger logger, string reason);

    [LoggerMessage(3006, LogLevel.Information, "A late or second answer to dispatch {DispatchId} found nobody waiting and is dropped")]
    public static partial void AnswerDropped(ILogger logger, Guid dispatchId);

    [LoggerMessage(3007, LogLevel.Warning, "No worker answered call {CallId} of tool {ToolName} by its deadline")]
    public static partial void NoAnswer(ILogger logger, string toolName, string callId);

    [LoggerMessage(3008, LogLevel.Warning, "A message {Message} could not be announced to workers: {Reason}")]
    public static partial void NotAnnounced(ILogger logger, string message, string reason);

    [LoggerMessage(3009, LogLevel.Warning, "The connection to the broker at {Broker} broke")]
    public static partial void LinkBroken(ILogger logger, string broker);

    [LoggerMessage(3010, LogLevel.Warning, "Connected to the broker at {Broker} again")]
    public static partial void LinkRestored(ILogger logger, string broker);

    [LoggerMessage(3011, LogLevel.Warning, "The broker at {Broker} could not be joined yet: {Reason}")]
    public static partial void ConnectFailed(ILogger logger, string broker, string reason);

    [LoggerMessage(3012, LogLevel.Warning, "The answer to dispatch {DispatchId} could not be sent while its caller waited")]
    public static partial void AnswerLost(ILogger logger, Guid dispatchId);

    [LoggerMessage(3013, LogLevel.Information, "Call {CallId} of tool {ToolName} was delivered again")]
    public static partial void CallRedelivered(ILogger logger, string callId, string toolName);

    [LoggerMessage(3014, LogLevel.Information, "Takes calls of the tool groups {Groups} from {Broker}")]
    public static partial void WorkerJoined(ILogger logger, string groups, string broker);

    [LoggerMessage(3015, LogLevel.Warning, "Worker {Worker}, which kept the state of trajectory {TrajectoryId}, is gone")]
    public static partial void StateLost(ILogger logger, string trajectoryId, string worker);

    [LoggerMessage(3016, LogLevel.Information, "The state of trajectory {TrajectoryId} was rebuilt at worker {Worker} from {Calls} calls")]
    public static partial void StateRebuilt(ILogger logger, string trajectoryId, int calls, string worker);

    [LoggerMessage(3101, LogLevel.Warning, "Sandbox {SandboxId} may be left behind until it expires")]
    public static partial void SandboxLeft(ILogger logger, string sandboxId, Exception error);

    [LoggerMessage(3102, LogLevel.Warning, "Sandbox {SandboxId} ended while it waited for a trajectory")]
    public static partial void SandboxLost(ILogger logger, string sandboxId, Exception error);

    [LoggerMessage(3103, LogLevel.Error, "A sandbox could not be started ahead of demand")]
    public static partial void SandboxNotStarted(ILogger logger, Exception error);

    [LoggerMessage(3104, LogLevel.Information, "Removed {Count} sandboxes of runtime {Runtime} that were expired or whose owner is gone")]
    public static partial void LeftoversRemoved(ILogger logger, int count, string runtime);

    [LoggerMessage(3105, LogLevel.Warning, "Leftover sandboxes could not be removed")]
    public static partial void LeftoversNotRemoved(ILogger logger, Exception error);

    [LoggerMessage(3106, LogLevel.Warning, "The end of trajectory {TrajectoryId} could not be announced to its tools")]
    public static partial void EndNotAnnounced(ILogger logger, string trajectoryId, Exception error);

    [LoggerMessage(3107, LogLevel.Warning, "Sandboxes are made by {Runtime}, because what comes before it is not ready: {Reasons}")]
    public static partial void SecondChoice(ILogger logger, string runtime, string reasons);

    [LoggerMessage(3120, LogLevel.Information, "A sandbox asked for {Target}, which is not allowed")]
    public static partial void NetworkDenied(ILogger logger, string target);

    [LoggerMessage(3130, LogLevel.Information, "MCP server {Server} started and has {Count} tools")]
    public static partial void McpServerStarted(ILogger logger, string server, int count);

    [LoggerMessage(3131, LogLevel.Warning, "MCP server {Server} ended and is started again")]
    public static partial void McpServerEnded(ILogger logger, string server);

    [LoggerMessage(3132, LogLevel.Warning, "{Cause}; it is tried again in {Seconds} s")]
    public static partial void McpServerNotStarted(ILogger logger, string cause, double seconds);

    [LoggerMessage(3133, LogLevel.Information, "MCP server {Server} said: {Line}")]
    public static partial void McpServerSaid(ILogger logger, string server, string line);

    [LoggerMessage(3134, LogLevel.Warning, "The tools of MCP server {Server} stay as they were: {Cause}")]
    public static partial void McpToolsNotChanged(ILogger logger, string server, string cause);

    [LoggerMessage(3135, LogLevel.Warning, "The arguments of tool {ToolName} of MCP server {Server} are checked by the server only: {Cause}")]
    public static partial void McpSchemaNotChecked(ILogger logger, string server, string toolName, string cause);
}
