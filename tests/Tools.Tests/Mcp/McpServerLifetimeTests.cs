using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Mcp;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Mcp;

/// <summary>Starts, ends and everything between that is no answer.</summary>
public sealed class McpServerLifetimeTests : IAsyncLifetime
{
    private readonly McpFixture _mcp = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _mcp.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Tools_that_come_while_the_server_runs_are_offered_unless_their_name_is_taken()
    {
        _mcp.Catalog.Add("plugin 'p'", [new DelegateTool(Repeat, "taken")]);
        await _mcp.StartAsync(McpFixture.Odd);
        Assert.Contains("add_tool", _mcp.Names);

        await _mcp.AnswerAsync("add_tool", """{"name": "later"}""");
        await McpFixture.WaitAsync(() => _mcp.Names.Contains("later"));
        await _mcp.AnswerAsync("add_tool", """{"name": "taken"}""");
        Assert.Equal("""{"degrees":21}""", await _mcp.AnswerAsync("structured"));
        Assert.Contains("later", _mcp.Names);
        Assert.True(_mcp.Catalog.Current.TryGet("taken", out RegisteredTool? taken));
        Assert.Equal("plugin 'p'", taken.Owner);
    }

    [Fact]
    public async Task Cancelled_calls_and_those_outOfTime_are_cancelled_at_the_server_too()
    {
        McpServerDefinition recorded = McpFixture.Recorded(McpFixture.Everything, _folder);
        await _mcp.StartAsync(recorded with { Name = "hasty", TimeoutSeconds = 1, Prefix = "hasty_", Tools = ["trigger-long-running-operation"] });
        await _mcp.StartAsync(recorded);
        const string Minute = """{"duration": 60, "steps": 60}""";

        ToolResult late = await _mcp.CallAsync("hasty_trigger-long-running-operation", Minute);
        Assert.Equal((ToolFailure.Threw, "MCP server 'hasty' did not answer within 1 s."), (late.Failure, late.Text));
        await WaitForCancellationsAsync(1);

        ToolResult outOfTime = await _mcp.CallAsync("trigger-long-running-operation", Minute, seconds: 0.5);
        Assert.Equal(ToolFailure.TimedOut, outOfTime.Failure);
        await WaitForCancellationsAsync(2);

        int before = Sent("tools/call");
        using CancellationTokenSource cancel = new();
        Task<ToolResult> cancelled = _mcp.CallAsync("trigger-long-running-operation", Minute, cancellationToken: cancel.Token);
        await McpFixture.WaitAsync(() => Sent("tools/call") > before);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        await WaitForCancellationsAsync(3);

        Assert.Equal("Echo: still here", await _mcp.AnswerAsync("echo", """{"message": "still here"}"""));
    }

    [Fact]
    public async Task A_server_that_is_killed_in_a_call_fails_it_and_answers_the_next_one()
    {
        string pid = Path.Combine(_folder, "pid"), begun = Path.Combine(_folder, "begun");
        await _mcp.StartAsync(McpFixture.WithPid(McpFixture.Odd, pid));
        Task<ToolResult> call = _mcp.CallAsync("waits", JsonSerializer.Serialize(new { file = begun }));
        await McpFixture.WaitAsync(() => File.Exists(begun));
        using (Process process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pid), CultureInfo.InvariantCulture)))
            process.Kill();

        ToolResult lost = await call;
        Assert.Equal(ToolFailure.Threw, lost.Failure);
        Assert.Equal("MCP server 'odd' was lost before it answered; whether the call took effect is unknown.", lost.Text);
        Assert.Equal("""{"degrees":21}""", await _mcp.AnswerLaterAsync("structured", "{}"));
    }

    [Fact]
    public async Task A_server_over_HTTP_that_was_restarted_gets_a_new_session()
    {
        int port;
        using (TestMcpHttpServer first = await TestMcpServers.ListenAsync("streamableHttp"))
        {
            await _mcp.StartAsync(new McpServerDefinition { Name = "all", Url = first.Url + "/mcp" });
            Assert.Equal("Echo: one", await _mcp.AnswerAsync("echo", """{"message": "one"}"""));
            port = first.Port;
        }

        ToolResult gone = await _mcp.CallAsync("echo", """{"message": "two"}""");
        Assert.Equal(ToolFailure.Threw, gone.Failure);
        Assert.StartsWith("MCP server 'all' ", gone.Text, StringComparison.Ordinal);
        using TestMcpHttpServer second = await TestMcpServers.ListenAsync("streamableHttp", port);
        Assert.Equal("Echo: three", await _mcp.AnswerLaterAsync("echo", """{"message": "three"}"""));
    }

    [Fact]
    public async Task Servers_that_cannot_start_say_so_in_a_sentence()
    {
        async Task<string> RefusedAsync(McpServerDefinition definition) => (await Assert.ThrowsAsync<ToolException>(() => _mcp.StartAsync(definition))).Message;

        Assert.StartsWith("MCP server 'x' does not start: ", await RefusedAsync(new McpServerDefinition { Name = "x", Command = "/no/such/program" }), StringComparison.Ordinal);
        Assert.StartsWith(
            "MCP server 'x' does not start: ", await RefusedAsync(new McpServerDefinition { Name = "x", Command = "/bin/sh", Args = ["-c", "echo no licence >&2; exit 3"] }), StringComparison.Ordinal);
        Assert.StartsWith("MCP server 'x' does not start: ", await RefusedAsync(new McpServerDefinition { Name = "x", Url = "http://127.0.0.1:9/mcp" }), StringComparison.Ordinal);
        Assert.Equal(
            "MCP server 'x' does not start: it did not answer within 0.5 s.",
            await RefusedAsync(new McpServerDefinition { Name = "x", Command = "/bin/sleep", Args = ["60"], StartTimeoutSeconds = 0.5 }));
        Assert.StartsWith(
            "MCP server 'odd' does not start: it has no tool 'later'; its tools: add.tool, dependent, ", await RefusedAsync(McpFixture.Odd with { Tools = ["later"] }), StringComparison.Ordinal);
        Assert.Empty(_mcp.Names);
    }

    [Fact]
    public async Task A_tool_whose_name_is_taken_refuses_the_start_with_both_owners_and_a_prefix_helps()
    {
        _mcp.Catalog.Add("plugin 'p'", [new DelegateTool(Repeat, "structured")]);
        ToolException error = await Assert.ThrowsAsync<ToolException>(() => _mcp.StartAsync(McpFixture.Odd));
        Assert.Equal("MCP server 'odd' does not start: Tool 'structured' is registered twice: by plugin 'p' and by MCP server 'odd'.", error.Message);
        Assert.Equal(["structured"], _mcp.Names);

        await _mcp.StartAsync(McpFixture.Odd with { Prefix = "odd_", Tools = ["structured", "parts"], ExcludeTools = ["parts"] });
        Assert.Equal(["structured", "odd_structured"], _mcp.Names);
        Assert.Equal("""{"degrees":21}""", await _mcp.AnswerAsync("odd_structured"));
    }

    [Fact]
    public async Task A_stopped_server_takes_its_tools_away_and_its_process_with_it()
    {
        string pid = Path.Combine(_folder, "pid");
        McpServer server = new(McpFixture.WithPid(McpFixture.Odd, pid), _mcp.Catalog, TimeProvider.System, NullLogger<McpServer>.Instance);
        await server.StartAsync(CancellationToken.None);
        using Process process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pid), CultureInfo.InvariantCulture));
        using (_mcp.Catalog.Pin("t"))
        {
            await server.DisposeAsync();
            Assert.Empty(_mcp.Names);
            Assert.Equal("MCP server 'odd' was stopped.", (await _mcp.CallAsync("structured")).Text);
        }

        await process.WaitForExitAsync();
    }

    [Description("Says it again.")]
    private static string Repeat([Description("What.")] string text) => text;

    private int Sent(string method) =>
        File.ReadAllLines(Path.Combine(_folder, "sent")).Count(line => line.Contains($"\"method\":\"{method}\"", StringComparison.Ordinal));

    private Task WaitForCancellationsAsync(int count) => McpFixture.WaitAsync(() => Sent("notifications/cancelled") == count);
}
