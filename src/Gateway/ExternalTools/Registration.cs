using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>What a client registers under a name: an HTTP endpoint, which is one tool, or an MCP server, which has any number of them.</summary>
internal sealed class Registration
{
    private const string Http = "http";
    private const string Mcp = "mcp";

    private Registration(HttpToolDefinition tool) => (Name, Tool) = (tool.Name, tool);

    private Registration(McpServerDefinition server) => (Name, Server) = (server.Name, server);

    public string Name { get; }

    /// <summary>Null for an MCP server.</summary>
    public HttpToolDefinition? Tool { get; }

    /// <summary>Null for an HTTP endpoint.</summary>
    public McpServerDefinition? Server { get; }

    /// <summary>Reads the body of <c>POST /v1/tools</c>.</summary>
    /// <exception cref="InvalidInputException">It cannot be used; the message names the bad value and the known ones.</exception>
    public static Registration Read(ReadOnlyMemory<byte> request, GatewayOptions options)
    {
        if (FindType(request) == Mcp)
        {
            McpServerDefinition server = StrictJson.Read(request, GatewayJson.Default.RegisterMcpServerRequest);
            if (server.Command is not null && !options.AllowToolCommands)
                throw Invalid("Member 'command' would start a program of this machine, which only the setting 'allow_tool_commands' allows; register a server with 'url'.");
            CheckSecret("auth.secret", server.Auth?.Secret, options);
            foreach ((string variable, string secret) in server.SecretEnv)
                CheckSecret($"secret_env.{variable}", secret, options);
            return new Registration(server);
        }

        HttpToolDefinition tool = StrictJson.Read(request, GatewayJson.Default.RegisterHttpToolRequest);
        CheckSecret("auth.secret", tool.Auth?.Secret, options);
        return new Registration(tool);
    }

    /// <summary>Else whoever may register a tool could have any secret of this machine sent anywhere.</summary>
    private static void CheckSecret(string member, string? secret, GatewayOptions options)
    {
        if (secret is not null && !options.ToolSecrets.Contains(secret))
        {
            throw Invalid(
                $"Member '{member}' names a secret that registered tools may not use; setting 'tool_secrets' lists those that they may: " +
                $"{string.Join(", ", options.ToolSecrets.DefaultIfEmpty("none"))}.");
        }
    }

    /// <summary>Read before the rest, whose members depend on it; <c>http</c> where the reader that follows says what is wrong.</summary>
    private static string FindType(ReadOnlyMemory<byte> request)
    {
        JsonElement root = UnicodeJson.Parse(request.Span, "The text");
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("type", out JsonElement type))
            return Http;
        return type.ValueKind == JsonValueKind.String && type.GetString() is (Http or Mcp) and { } known
            ? known
            : throw Invalid($"Member 'type' is {type.GetRawText()}; known types: {Http}, {Mcp}.");
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
