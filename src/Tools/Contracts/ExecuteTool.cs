namespace AgentRollout.Tools.Contracts;

/// <summary>Asks any worker on the bus to run one call; answered by <see cref="ToolExecuted"/>.</summary>
/// <param name="DispatchId">Unique per dispatch; a redelivered message carries the same one.</param>
/// <param name="CallId">See <see cref="ToolInvocation.CallId"/>.</param>
/// <param name="TrajectoryId">The trajectory that calls.</param>
/// <param name="ToolName">As the model wrote it.</param>
/// <param name="ArgumentsJson">The arguments as JSON text.</param>
/// <param name="DispatchedAt">When the caller sent it, by the caller's clock.</param>
/// <param name="Deadline">When the caller must have an answer, by the caller's clock.</param>
public sealed record ExecuteTool(
    Guid DispatchId,
    string CallId,
    string TrajectoryId,
    string ToolName,
    string ArgumentsJson,
    DateTimeOffset DispatchedAt,
    DateTimeOffset Deadline)
{
    /// <inheritdoc cref="ToolInvocation.FairnessKey"/>
    public string? FairnessKey { get; init; }

    /// <summary><see cref="ToolInvocation.TaskArguments"/> as JSON text.</summary>
    public string? TaskArgumentsJson { get; init; }

    /// <inheritdoc cref="ToolInvocation.ResultLimit"/>
    public ResultLimit? ResultLimit { get; init; }
}
