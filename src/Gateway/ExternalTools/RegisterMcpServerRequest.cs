using AgentRollout.Tools.Mcp;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>The body of <c>POST /v1/tools</c> for an MCP server.</summary>
internal sealed record RegisterMcpServerRequest : McpServerDefinition
{
    /// <summary>What is registered; <c>mcp</c>.</summary>
    public required string Type { get; set; }
}
