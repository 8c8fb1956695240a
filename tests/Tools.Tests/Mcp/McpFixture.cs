using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Mcp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Mcp;

/// <summary>MCP servers, the catalog that offers their tools, and calls as the loop makes them.</summary>
internal sealed class McpFixture : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly ServiceProvider _services = new ServiceCollection().AddLogging().AddTools().BuildServiceProvider();
    private readonly List<McpServer> _servers = [];
    private int _calls;

    public ToolCatalog Catalog => _services.GetRequiredService<ToolCatalog>();

    public IEnumerable<string> Names => Catalog.Current.All.Select(tool => tool.Tool.Spec.Name);

    public static McpServerDefinition Everything => new() { Name = "all", Command = TestMcpServers.Node, Args = TestMcpServers.Everything("stdio"), StartTimeoutSeconds = 300 };

    public static McpServerDefinition Odd => new() { Name = "odd", Command = TestMcpServers.Node, Args = TestMcpServers.Odd(), StartTimeoutSeconds = 300 };

    /// <summary>A program server that writes down its process id, and every line that it is sent, before the given one runs.</summary>
    public static McpServerDefinition Recorded(McpServerDefinition definition, string folder) => definition with
    {
        Command = "/bin/sh",
        Args = ["-c", "echo $$ >> \"$0/pids\"; tee -a \"$0/sent\" | \"$@\"", folder, definition.Command!, .. definition.Args],
    };

    /// <summary>A program server that writes down its process id.</summary>
    public static McpServerDefinition WithPid(McpServerDefinition definition, string file) => definition with
    {
        Command = "/bin/sh",
        Args = ["-c", "echo $$ > \"$0\"; exec \"$@\"", file, definition.Command!, .. definition.Args],
    };

    public async Task<McpServer> StartAsync(McpServerDefinition definition, ILogger<McpServer>? logger = null)
    {
        McpServer server = new(definition, Catalog, TimeProvider.System, logger ?? NullLogger<McpServer>.Instance);
        _servers.Add(server);
        await server.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public Task<ToolResult> CallAsync(string tool, string arguments = "{}", double seconds = 120, CancellationToken cancellationToken = default) =>
        _services.GetRequiredService<IToolDispatcher>().DispatchAsync(
            new ToolInvocation($"c{Interlocked.Increment(ref _calls)}", "t", tool, JsonElement.Parse(arguments)), TimeSpan.FromSeconds(seconds), cancellationToken);

    public async Task<string> AnswerAsync(string tool, string arguments = "{}")
    {
        ToolResult result = await CallAsync(tool, arguments);
        Assert.Null(result.Failure);
        return result.Text;
    }

    /// <summary>Calls until the tool answers.</summary>
    public async Task<string> AnswerLaterAsync(string tool, string arguments)
    {
        ToolResult? result = null;
        await WaitAsync(async () => (result = await CallAsync(tool, arguments)).Failure is null);
        return result!.Text;
    }

    public static async Task WaitAsync(Func<Task<bool>> condition)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!await condition())
            await Task.Delay(20, patience.Token);
    }

    public static Task WaitAsync(Func<bool> condition) => WaitAsync(() => Task.FromResult(condition()));

    public async ValueTask DisposeAsync()
    {
        foreach (McpServer server in _servers)
            await server.DisposeAsync();
        await _services.DisposeAsync();
    }
}
