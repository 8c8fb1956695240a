namespace AgentRollout.Tools.Contracts;

/// <summary>The answer to one <see cref="ExecuteTool"/>, sent to whoever asked.</summary>
/// <param name="DispatchId">The dispatch that is answered.</param>
/// <param name="Result">How the call ended.</param>
public sealed record ToolExecuted(Guid DispatchId, ToolResult Result);
