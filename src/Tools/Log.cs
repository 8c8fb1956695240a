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

    [LoggerMessage(3005, LogLevel.Error, "Call {CallId} of tool {ToolName} could not be sent")]
    public static partial void SendFailed(ILogger logger, string toolName, string callId, Exception error);

    [LoggerMessage(3006, LogLevel.Debug, "An answer to dispatch {DispatchId} found nobody waiting")]
    public static partial void AnswerUnwanted(ILogger logger, Guid dispatchId);

    [LoggerMessage(3007, LogLevel.Warning, "No worker answered call {CallId} of tool {ToolName} by its deadline")]
    public static partial void NoAnswer(ILogger logger, string toolName, string callId);

    [LoggerMessage(3008, LogLevel.Warning, "The cancellation of call {CallId} of tool {ToolName} could not be sent; the tool runs to its deadline")]
    public static partial void CancelFailed(ILogger logger, string toolName, string callId, Exception error);

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
