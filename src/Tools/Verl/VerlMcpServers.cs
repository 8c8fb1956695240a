namespace AgentRollout.Tools.Verl;

/// <summary>An entry of type <c>mcp</c>.</summary>
/// <param name="ConfigPath">A JSON file <c>{"mcpServers": {"name": {…}}}</c>.</param>
/// <param name="Selected">Names of the tools that are taken; null for all.</param>
/// <param name="TimeoutSeconds">Bounds a call.</param>
/// <param name="MostAtOnce">Calls in flight at once.</param>
public sealed record VerlMcpServers(string ConfigPath, IReadOnlyList<string>? Selected, int TimeoutSeconds, int MostAtOnce);
