using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>A tool as a chat template sees it.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Description">One sentence for the model.</param>
/// <param name="Parameters">JSON schema of the arguments; the order of its members is the order in the prompt.</param>
public sealed record FunctionSchema(string Name, string Description, JsonElement Parameters);
