using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Mcp;

/// <summary>Against the real server <c>@modelcontextprotocol/server-everything</c>, and one of ours for what it has not.</summary>
public sealed class McpServerTests : IAsyncLifetime
{
    private readonly McpFixture _mcp = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _mcp.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("stdio")]
    [InlineData("sse")]
    [InlineData("streamableHttp")]
    public async Task Tools_are_listed_called_and_their_arguments_checked(string transport)
    {
        using TestMcpHttpServer? http = transport == "stdio" ? null : await TestMcpServers.ListenAsync(transport);
        await _mcp.StartAsync(http is null
            ? McpFixture.Everything
            : new McpServerDefinition { Name = "all", Url = http.Url + (transport == "sse" ? "/sse" : "/mcp"), Headers = new Dictionary<string, string> { ["X-Who"] = "test" } });

        Assert.True(_mcp.Catalog.Current.TryGet("get-sum", out RegisteredTool? sum));
        Assert.Equal(("MCP server 'all'", "Returns the sum of two numbers"), (sum.Owner, sum.Tool.Spec.Description));
        Assert.Equal("First number", sum.Tool.Spec.Parameters.GetProperty("properties").GetProperty("a").GetProperty("description").GetString());
        Assert.Equal("The sum of 2 and 3.5 is 5.5.", await _mcp.AnswerAsync("get-sum", """{"a": 2, "b": 3.5}"""));
        Assert.Equal("Echo: Grüße, 世界", await _mcp.AnswerAsync("echo", """{"message": "Grüße, 世界"}"""));

        ToolResult unfit = await _mcp.CallAsync("get-sum", """{"a": 2, "b": "x"}""");
        Assert.Equal((ToolFailure.InvalidArguments, 0), (unfit.Failure, unfit.Attempts));
        Assert.Contains("'b'", unfit.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parts_that_are_no_text_are_named()
    {
        await _mcp.StartAsync(McpFixture.Everything);
        await _mcp.StartAsync(McpFixture.Odd);

        Assert.Equal("Here's the image you requested:\n[image, image/png]\nThe image above is the MCP logo.", await _mcp.AnswerAsync("get-tiny-image"));
        Assert.Equal(
            """{"temperature":36,"conditions":"Light rain / drizzle","humidity":82}""",
            await _mcp.AnswerAsync("get-structured-content", """{"location": "Chicago"}"""));
        Assert.Equal("""{"degrees":21}""", await _mcp.AnswerAsync("structured"));
        Assert.Equal("one\n[audio, audio/wav]\ntwo\n[resource file:///three, of unknown type]\n[resource file:///four]", await _mcp.AnswerAsync("parts"));
    }

    [Fact]
    public async Task Errors_of_the_server_are_results_that_say_what_it_said()
    {
        await _mcp.StartAsync(McpFixture.Everything);
        await _mcp.StartAsync(McpFixture.Odd);

        ToolResult said = await _mcp.CallAsync("get-resource-reference", """{"resourceType": "Text", "resourceId": -1}""");
        Assert.Equal(ToolFailure.Threw, said.Failure);
        Assert.Contains("resourceId", said.Text, StringComparison.Ordinal);
        ToolResult silent = await _mcp.CallAsync("fails");
        Assert.Equal((ToolFailure.Threw, "MCP server 'odd' reports an error."), (silent.Failure, silent.Text));
        ToolResult refused = await _mcp.CallAsync("refuses");
        Assert.Equal(ToolFailure.Threw, refused.Failure);
        Assert.StartsWith("MCP server 'odd' refused the call: ", refused.Text, StringComparison.Ordinal);
        Assert.Contains("not today", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_with_keywords_that_are_not_enforced_here_is_shown_and_left_to_the_server()
    {
        await _mcp.StartAsync(McpFixture.Odd);

        Assert.True(_mcp.Catalog.Current.TryGet("dependent", out RegisteredTool? tool));
        Assert.True(tool.Tool.Spec.Parameters.TryGetProperty("dependentRequired", out _));
        Assert.Equal("""{"a":"x"}""", await _mcp.AnswerAsync("dependent", """{"a": "x"}"""));
        Assert.Equal(ToolFailure.InvalidArguments, (await _mcp.CallAsync("dependent", "[]")).Failure);
    }

    [Theory]
    [InlineData("""{"name": "x"}""", "it needs either 'command' or 'url'.")]
    [InlineData("""{"name": "x", "command": "a", "url": "http://a"}""", "it needs either 'command' or 'url'.")]
    [InlineData("""{"name": "x", "command": " "}""", "'command' is empty.")]
    [InlineData("""{"name": "x", "command": "a", "headers": {"a": "b"}}""", "'auth' and 'headers' belong to a server with 'url', not to one with 'command'.")]
    [InlineData("""{"name": "x", "command": "a", "secret_env": {"a": "b"}}""", "A secret must be given as env:NAME or file:PATH, the place where it is kept.")]
    [InlineData("""{"name": "x", "url": "http://a", "args": ["b"]}""", "'args', 'env', 'secret_env' and 'cwd' belong to a server with 'command', not to one with 'url'.")]
    [InlineData("""{"name": "x", "url": "ftp://a"}""", "'url' is 'ftp://a'; it must be an http or https address.")]
    [InlineData("""{"name": "x", "url": "http://a", "headers": {"Host": "b"}}""", "'headers' has 'Host', which cannot be set.")]
    [InlineData("""{"name": "x", "url": "http://a", "auth": {"secret": "env:A", "header": "Host"}}""", "'auth.header' is 'Host', which cannot be the name of a header with a secret.")]
    public void Definitions_that_contradict_themselves_are_refused(string json, string error)
    {
        McpServerDefinition definition = JsonSerializer.Deserialize<McpServerDefinition>(json, SnakeCase)!;
        ToolException refused = Assert.Throws<ToolException>(() => new McpServer(definition, _mcp.Catalog, TimeProvider.System, NullLogger<McpServer>.Instance));
        Assert.Equal($"MCP server 'x': {error}", refused.Message);
    }

    [Fact]
    public async Task A_program_gets_its_own_environment_and_secrets_and_nothing_of_ours()
    {
        string secret = Path.Combine(_folder, "secret");
        await File.WriteAllTextAsync(secret, "s3cret\n");
        Environment.SetEnvironmentVariable("AGENTROLLOUT_TEST_PRIVATE", "private");
        await _mcp.StartAsync(McpFixture.Everything with
        {
            Env = new Dictionary<string, string> { ["A"] = "b" },
            SecretEnv = new Dictionary<string, string> { ["TOKEN"] = $"file:{secret}" },
        });

        JsonElement seen = JsonElement.Parse(await _mcp.AnswerAsync("get-env"));
        Assert.Equal(("b", "s3cret"), (seen.GetProperty("A").GetString(), seen.GetProperty("TOKEN").GetString()));
        Assert.False(seen.TryGetProperty("AGENTROLLOUT_TEST_PRIVATE", out _));
    }

    [Fact]
    public async Task Calls_are_sent_no_faster_than_is_allowed()
    {
        await _mcp.StartAsync(McpFixture.Odd with { MaxCallsPerSecond = 4, MaxConcurrentCalls = 2 });
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _mcp.AnswerAsync("structured")));
        Assert.True(Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(0.9));
    }

    private static readonly JsonSerializerOptions SnakeCase = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
}
