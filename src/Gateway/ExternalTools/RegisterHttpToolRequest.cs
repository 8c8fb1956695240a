using AgentRollout.Tools.Http;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>The body of <c>POST /v1/tools</c> for an HTTP endpoint.</summary>
internal sealed record RegisterHttpToolRequest : HttpToolDefinition
{
    /// <summary>What is registered; <c>http</c>.</summary>
    public required string Type { get; set; }
}
