using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Tools.Mcp;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// The MCP servers of an entry of type <c>mcp</c>: those of the JSON file <c>{"mcpServers": {"name": {…}}}</c> that it names. As in verl, tools of a
/// file with several servers are called by the server's name, an underscore and their own, those of a server with an <c>auth_token</c> aside.
/// </summary>
internal static class VerlMcpServers
{
    private const int StandardRate = 10;
    private static readonly string[] Transports = ["stdio", "http", "streamable-http", "sse"];

    /// <exception cref="ToolException">Something cannot be used; the message names the place, what is wrong there and what is known.</exception>
    public static IReadOnlyList<McpServerDefinition> Read(VerlSection mcp, VerlSection config)
    {
        string path = mcp.RequiredText("mcp_servers_config_path");
        IReadOnlyList<string>? selected = mcp.Texts("tool_selected_list");
        mcp.RefuseOthers();
        int timeout = config.Integer("timeout", 30, 1, 3_600);
        int rate = config.Integer("rate_limit", StandardRate, 1, 65_536);
        try
        {
            McpServerDefinition[] servers =
            [
                .. ReadFile(path).Select(server => server with { TimeoutSeconds = timeout, MaxCallsPerSecond = rate }),
            ];
            return selected is null ? servers : Select(servers, selected);
        }
        catch (ToolException error)
        {
            throw new ToolException($"MCP servers '{path}': {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ToolException($"MCP servers '{path}' cannot be read: {error.Message}", error);
        }
    }

    private static McpServerDefinition[] ReadFile(string path)
    {
        VerlSection file = new(JsonNode.Parse(File.ReadAllText(path)), "");
        JsonObject entries = file.Mapping("mcpServers");
        file.RefuseOthers();
        McpServerDefinition[] servers = [.. entries.Select(entry => ReadServer(entry.Key, new VerlSection(entry.Value, $"mcpServers.{entry.Key}")))];
        bool isAlone = entries.Count(entry => !HasToken(entry.Value)) == 1;
        return [.. servers.Select(server => isAlone || HasToken(entries[server.Name]) ? server : server with { Prefix = server.Name + "_" })];
    }

    private static bool HasToken(JsonNode? entry) => entry is JsonObject members && members.ContainsKey("auth_token");

    private static McpServerDefinition ReadServer(string name, VerlSection entry)
    {
        foreach (string key in new[] { "transport", "type" })
        {
            if (entry.Text(key) is { } transport && !Transports.Contains(transport))
                throw new ToolException($"The '{key}' of server '{name}' is '{transport}'; known are: {string.Join(", ", Transports)}.");
        }

        Dictionary<string, string> headers = new(entry.TextsByKey("headers"));
        if (entry.Text("auth_token") is { } token)
            headers["Authorization"] = $"Bearer {token}";
        McpServerDefinition server = new()
        {
            Name = name,
            Command = entry.Text("command"),
            Args = entry.Texts("args") ?? [],
            Env = entry.TextsByKey("env"),
            Cwd = entry.Text("cwd"),
            Url = entry.Text("url"),
            Headers = headers,
        };
        entry.RefuseOthers();
        return server;
    }

    /// <summary>Gives every selected tool to the server that its name belongs to; a server without any is not needed.</summary>
    private static McpServerDefinition[] Select(McpServerDefinition[] servers, IReadOnlyList<string> selected)
    {
        ILookup<McpServerDefinition, string> tools = selected.ToLookup(tool => OwnerOf(tool, servers));
        return [.. tools.Select(group => group.Key with { Tools = [.. group.Select(tool => tool[group.Key.Prefix.Length..])] })];
    }

    private static McpServerDefinition OwnerOf(string tool, McpServerDefinition[] servers)
    {
        McpServerDefinition[] possible = [.. servers.Where(server => tool.StartsWith(server.Prefix, StringComparison.Ordinal))];
        if (possible.MaxBy(server => server.Prefix.Length) is not { } owner)
            throw new ToolException($"'tool_selected_list' names '{tool}', which no server there has; with several servers a tool is called SERVER_TOOL, as in verl.");
        return owner.Prefix.Length == 0 && possible.Length > 1
            ? throw new ToolException($"'tool_selected_list' names '{tool}', which several servers may have; give each of them an entry and a file of its own.")
            : owner;
    }
}
