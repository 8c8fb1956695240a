namespace AgentRollout.Tools.Contracts;

/// <summary>The answer to one <see cref="ExecuteTool"/>, sent to whoever asked.</summary>
/// <param name="DispatchId">The dispatch that is answered.</param>
/// <param name="Result">How the call ended.</param>
public sealed record ToolExecuted(Guid DispatchId, ToolResult Result)
{
    /// <summary>The worker that answered, which has what the call left behind; null where the worker is in the caller's process.</summary>
    public string? Worker { get; init; }
}
