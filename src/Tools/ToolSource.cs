namespace AgentRollout.Tools;

/// <summary>Tools that come and go together.</summary>
/// <param name="Owner">Whose they are, as errors and <c>GET /v1/tools</c> say it, such as <c>MCP server 'files'</c>; unique in a catalog.</param>
/// <param name="Tools">In the order of the listing.</param>
public sealed record ToolSource(string Owner, IReadOnlyList<ITool> Tools);
