using System.Text.Json;

namespace AgentRollout.Tools;

/// <summary>What a model and a client see of a tool.</summary>
/// <param name="Name">Letters, digits, underscore and dash; unique in the catalog.</param>
/// <param name="Description">One sentence for the model.</param>
/// <param name="Parameters">JSON schema of the arguments: an object schema; the order of its members is the order in the prompt.</param>
public sealed record ToolSpec(string Name, string Description, JsonElement Parameters)
{
    /// <summary>
    /// Whether a call sees what earlier calls of its trajectory left, as in a sandbox. Over RabbitMQ such calls of a trajectory go to one worker, one
    /// after the other. Default false.
    /// </summary>
    public bool KeepsState { get; init; }

    /// <summary>
    /// The tool checks its arguments itself, because its schema has what is not enforced here: the model reads the schema, and any object reaches
    /// the tool.
    /// </summary>
    public bool ChecksArguments { get; init; }

    /// <summary>
    /// JSON schema of what a task may tell the tool behind the model's back, such as a ground truth: the tool's entry in the task's
    /// <c>tools_kwargs</c>. Null where the tool takes nothing.
    /// </summary>
    public JsonElement? TaskArguments { get; init; }
}
