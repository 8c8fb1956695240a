using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Gateway.Tests.ExternalTools;

/// <summary>Against the real server <c>@modelcontextprotocol/server-everything</c>.</summary>
public sealed class McpToolsTests
{
    private const string Rollout = """{"environment":"plain","tools":["echo"],"tasks":[{"id":"t","data":{"question":"q"}}]}""";

    [Fact]
    public async Task A_registered_server_is_listed_kept_over_a_restart_of_either_and_removed_as_a_whole()
    {
        string path = TestGateway.NewDatabase();
        int port;
        using (TestMcpHttpServer server = await TestMcpServers.ListenAsync("streamableHttp"))
        {
            port = server.Port;
            await using TestGateway gateway = await TestGateway.StartAsync(path: path);
            using HttpResponseMessage created = await PostAsync(gateway, Body(server.Url));
            Assert.Equal(HttpStatusCode.Created, created.StatusCode);
            JsonElement answer = await created.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal(("all", "registration 'all'"), (answer.GetProperty("name").GetString(), answer.GetProperty("source").GetString()));
            Assert.Equal(["echo", "get-sum"], answer.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()));
            await gateway.WaitForAsync(await gateway.AcceptAsync(Rollout), "completed");

            using HttpResponseMessage again = await PostAsync(gateway, Body(server.Url));
            Assert.Equal((HttpStatusCode.Conflict, "Something is registered as 'all' already."), (again.StatusCode, await DetailAsync(again)));
            using HttpResponseMessage other = await PostAsync(gateway, Body(server.Url).Replace("\"all\"", "\"more\"", StringComparison.Ordinal));
            Assert.Equal(HttpStatusCode.BadRequest, other.StatusCode);
            Assert.Equal(
                "MCP server 'more' does not start: Tool 'echo' is registered twice: by registration 'all' and by registration 'more'.", await DetailAsync(other));
        }

        // It is not there when the gateway starts, and comes later.
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            Assert.Equal(["calculator"], await NamesAsync(gateway));
            using TestMcpHttpServer server = await TestMcpServers.ListenAsync("streamableHttp", port);
            using CancellationTokenSource patience = new(TimeSpan.FromMinutes(2));
            while ((await NamesAsync(gateway)).Length == 1)
                await Task.Delay(20, patience.Token);
            Assert.Equal(["calculator", "echo", "get-sum"], await NamesAsync(gateway));

            using HttpResponseMessage part = await gateway.Client.DeleteAsync("/v1/tools/echo");
            Assert.Equal(HttpStatusCode.Conflict, part.StatusCode);
            Assert.Equal(
                "Tool 'echo' is of registration 'all'; only what POST /v1/tools registered can be removed, by the name of the registration.", await DetailAsync(part));
            using HttpResponseMessage removed = await gateway.Client.DeleteAsync("/v1/tools/all");
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
            Assert.Equal(["calculator"], await NamesAsync(gateway));
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
            Assert.Equal(["calculator"], await NamesAsync(gateway));
    }

    [Fact]
    public async Task A_program_is_registered_only_where_a_setting_allows_it()
    {
        string body = JsonSerializer.Serialize(new { type = "mcp", name = "odd", command = TestMcpServers.Node, args = TestMcpServers.Odd() });
        string path = TestGateway.NewDatabase();
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            using HttpResponseMessage refused = await PostAsync(gateway, body);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal(
                "Member 'command' would start a program of this machine, which only the setting 'allow_tool_commands' allows; register a server with 'url'.",
                await DetailAsync(refused));
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { AllowToolCommands = true }, path))
        {
            using HttpResponseMessage created = await PostAsync(gateway, body);
            Assert.Equal(HttpStatusCode.Created, created.StatusCode);
            Assert.Contains("structured", await NamesAsync(gateway));
        }

        // Neither is what was stored while it was allowed.
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
            Assert.Equal(["calculator"], await NamesAsync(gateway));
    }

    [Theory]
    [InlineData("""{"type": "mcp", "name": "x", "url": "http://127.0.0.1:9/mcp", "auth": {"secret": "env:HOME"}}""", "Member 'auth.secret' names a secret that registered tools may not use; setting 'tool_secrets' lists those that they may: env:TOKEN.")]
    [InlineData("""{"type": "mcp", "name": "x", "command": "x", "secret_env": {"A": "env:HOME"}}""", "Member 'secret_env.A' names a secret that registered tools may not use; setting 'tool_secrets' lists those that they may: env:TOKEN.")]
    [InlineData("""{"type": "mcp", "name": "x", "url": "http://127.0.0.1:9/mcp"}""", "MCP server 'x' does not start: Connection refused")]
    [InlineData("""{"type": "mcp", "name": "x", "url": "http://127.0.0.1:9/mcp", "timeout_seconds": 0}""", "Member 'timeout_seconds' is 0; it must be ")]
    [InlineData("""{"type": "mcp", "name": "x"}""", "MCP server 'x': it needs either 'command' or 'url'.")]
    [InlineData("""{"type": "mcp", "url": "http://127.0.0.1:9/mcp"}""", "Member 'name' is missing.")]
    public async Task What_cannot_be_registered_is_refused_and_not_kept(string body, string error)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { AllowToolCommands = true, ToolSecrets = ["env:TOKEN"] });
        using HttpResponseMessage refused = await PostAsync(gateway, body);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.StartsWith(error, await DetailAsync(refused), StringComparison.Ordinal);
        using HttpResponseMessage absent = await gateway.Client.DeleteAsync("/v1/tools/x");
        Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
    }

    [Fact]
    public async Task Servers_of_the_settings_and_of_a_verl_file_start_with_the_gateway()
    {
        string folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;
        string servers = Path.Combine(folder, "servers.json"), verl = Path.Combine(folder, "tools.yaml"), config = Path.Combine(folder, "config.json");
        await File.WriteAllTextAsync(servers, JsonSerializer.Serialize(new { mcpServers = new { odd = new { command = TestMcpServers.Node, args = TestMcpServers.Odd() } } }));
        await File.WriteAllTextAsync(verl, $$"""
            tools:
              - class_name: verl.tools.mcp_base_tool.MCPBaseTool
                config: {type: mcp, rate_limit: 10}
                mcp: {mcp_servers_config_path: {{servers}}, tool_selected_list: [structured]}
            """);
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            verl_tools = verl,
            mcp_servers = new[] { new { name = "all", command = TestMcpServers.Node, args = TestMcpServers.Everything("stdio"), tools = new[] { "echo" } } },
        }));

        await using TestGateway gateway = await TestGateway.StartAsync(GatewayOptionsFile.Read(config));
        JsonElement[] tools = [.. (await gateway.GetAsync("/v1/tools")).EnumerateArray()];
        Assert.Equal(
            ["calculator of built-in tools", "echo of MCP server 'all'", "structured of MCP server 'odd'"],
            tools.Select(tool => $"{tool.GetProperty("name").GetString()} of {tool.GetProperty("source").GetString()}").Order(StringComparer.Ordinal));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_server_of_the_settings_that_does_not_start_stops_the_start()
    {
        ToolException error = await Assert.ThrowsAsync<ToolException>(async () =>
            await (await TestGateway.StartAsync(new GatewayOptions { McpServers = [new() { Name = "x", Command = "/bin/false" }] })).DisposeAsync());
        Assert.StartsWith("MCP server 'x' does not start: ", error.Message, StringComparison.Ordinal);
    }

    private static string Body(string url) => $$"""{"type": "mcp", "name": "all", "url": "{{url}}/mcp", "tools": ["echo", "get-sum"]}""";

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body) =>
        gateway.Client.PostAsync("/v1/tools", new StringContent(body, Encoding.UTF8, "application/json"));

    private static async Task<string[]> NamesAsync(TestGateway gateway) =>
        [.. (await gateway.GetAsync("/v1/tools")).EnumerateArray().Select(tool => tool.GetProperty("name").GetString()!)];

    private static async Task<string?> DetailAsync(HttpResponseMessage response) =>
        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString();
}
