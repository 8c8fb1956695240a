namespace AgentRollout.Tools.Mcp;

/// <summary>A tool of an MCP server.</summary>
internal sealed class McpTool(McpServer server, string serverName, ToolSpec spec) : ITool
{
    public ToolSpec Spec => spec;

    public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) =>
        server.CallAsync(serverName, invocation.Arguments, cancellationToken);

    public override string ToString() => $"{server.Owner}, tool '{serverName}'";
}
