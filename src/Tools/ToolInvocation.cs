using System.Text.Json;

namespace AgentRollout.Tools;

/// <summary>One call of a tool.</summary>
/// <param name="CallId">Unique per call and stable over redelivery: the key by which a repeated message is recognised.</param>
/// <param name="TrajectoryId">The trajectory that calls.</param>
/// <param name="ToolName">The tool's name as the model wrote it; it need not exist.</param>
/// <param name="Arguments">A JSON object, not yet checked against the schema.</param>
public sealed record ToolInvocation(string CallId, string TrajectoryId, string ToolName, JsonElement Arguments);
