using System.Text.Json;

namespace AgentRollout.Tools;

/// <summary>One call of a tool.</summary>
/// <param name="CallId">Unique per call and stable over redelivery: the key by which a repeated message is recognised.</param>
/// <param name="TrajectoryId">The trajectory that calls.</param>
/// <param name="ToolName">The tool's name as the model wrote it; it need not exist.</param>
/// <param name="Arguments">A JSON object, not yet checked against the schema.</param>
public sealed record ToolInvocation(string CallId, string TrajectoryId, string ToolName, JsonElement Arguments)
{
    /// <summary>Calls that wait for a free slot take turns by this, such as the id of a rollout; null is the trajectory's id.</summary>
    public string? FairnessKey { get; init; }

    /// <summary>What the task tells the tool behind the model's back, checked against <see cref="ToolSpec.TaskArguments"/>; null where it says nothing.</summary>
    public JsonElement? TaskArguments { get; init; }

    /// <summary>How much of the result the caller wants; null for what the worker's <see cref="Dispatch.ToolOptions"/> say.</summary>
    public ResultLimit? ResultLimit { get; init; }

    /// <summary>Set by a tool that runs calls in a sandbox, before it does: the runtime's name, a slash and the sandbox's id.</summary>
    public string? Sandbox { get; set; }

    /// <summary>
    /// Set by a tool that scores trajectories: the score after this call, a finite number. That of a trajectory's last call is its reward component
    /// <c>tool:NAME</c>, where the environment ends it.
    /// </summary>
    public double? Score
    {
        get;
        set => field = value is null || double.IsFinite(value.Value)
            ? value
            : throw new ToolException($"Tool '{ToolName}' scored {value}; a score must be a finite number.");
    }
}
