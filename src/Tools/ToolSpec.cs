using System.Text.Json;

namespace AgentRollout.Tools;

/// <summary>What a model and a client see of a tool.</summary>
/// <param name="Name">Letters, digits, underscore and dash; unique in the catalog.</param>
/// <param name="Description">One sentence for the model.</param>
/// <param name="Parameters">JSON schema of the arguments: an object schema; the order of its members is the order in the prompt.</param>
public sealed record ToolSpec(string Name, string Description, JsonElement Parameters);
