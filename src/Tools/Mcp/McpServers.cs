using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Mcp;

/// <summary>The MCP servers of the settings, which start with the host; it does not start without them.</summary>
public sealed class McpServers : IHostedService, IAsyncDisposable
{
    private McpServer[] _servers;

    /// <exception cref="ToolException">A definition cannot be used, or two have one name.</exception>
    public McpServers(IEnumerable<McpServerDefinition> definitions, ToolCatalog catalog, TimeProvider timeProvider, ILogger<McpServer> logger)
    {
        _servers = [.. definitions.Select(definition => new McpServer(definition, catalog, timeProvider, logger))];
        if (_servers.GroupBy(server => server.Owner).FirstOrDefault(group => group.Count() > 1) is { Key: { } owner })
            throw new ToolException($"There are two definitions of {owner}.");
    }

    /// <exception cref="ToolException">A server does not start; the message names it and the cause. None of them is left running.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_servers.Select(server => server.StartAsync(cancellationToken)));
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken) => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        McpServer[] servers = Interlocked.Exchange(ref _servers, []);
        await Task.WhenAll(servers.Select(server => server.DisposeAsync().AsTask()));
    }
}
