namespace AgentRollout.Tools.Contracts;

/// <summary>Tells every worker that the caller no longer wants a dispatch; the one that runs it cancels the tool and sends no answer.</summary>
/// <param name="DispatchId">The dispatch to end.</param>
public sealed record CancelTool(Guid DispatchId);
