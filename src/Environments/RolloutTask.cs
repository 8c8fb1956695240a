using System.Text.Json;

namespace AgentRollout.Environments;

/// <summary>One problem for an environment.</summary>
/// <param name="Id">Unique within its source; the same id always means the same problem.</param>
/// <param name="Data">What the environment needs: question, ground truth and the like. A JSON object.</param>
public sealed record RolloutTask(string Id, JsonElement Data);
