using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>
/// Tools that clients register and remove while the server runs. What is registered is stored first and then offered, and loaded before the first
/// rollout goes on after a restart.
/// </summary>
internal sealed class ToolRegistry(
    ToolStore store,
    ToolCatalog catalog,
    HttpToolClient http,
    GatewayOptions options,
    TimeProvider timeProvider,
    ILogger<ToolRegistry> logger,
    ILogger<McpServer> serverLogger)
    : IHostedService, IAsyncDisposable
{
    private readonly SemaphoreSlim _changing = new(1);
    private readonly Dictionary<string, McpServer> _servers = [];

    /// <summary>
    /// Offers what is stored. What cannot be offered any more, such as a tool whose name the program has taken, stays stored and is logged; an MCP
    /// server that cannot be started is tried again.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, byte[] request) in store.List())
        {
            try
            {
                Registration registration = Registration.Read(request, options);
                if (registration.Tool is { } tool)
                    catalog.Add(OwnerOf(name), [new HttpTool(tool, http)]);
                else
                    _servers.Add(name, CreateServer(registration));
            }
            catch (Exception exception) when (exception is ToolException or InvalidInputException)
            {
                Log.RegistrationNotLoaded(logger, name, exception.Message);
            }
        }

        await Task.WhenAll(_servers.Values.Select(server => server.StartWhenPossibleAsync(cancellationToken)));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_servers.Values.Select(server => server.DisposeAsync().AsTask()));
        _servers.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _changing.Dispose();
    }

    /// <summary>Registers an HTTP endpoint or an MCP server; its tools are offered to trajectories that begin from now on.</summary>
    /// <returns>What was asked for, and its tools or, where the name is taken, null.</returns>
    /// <exception cref="InvalidInputException">The request cannot be used; the message names the bad value and the known ones.</exception>
    public async Task<(Registration Registration, IReadOnlyList<RegisteredTool>? Tools)> AddAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken)
    {
        Registration registration = Registration.Read(request, options);
        await _changing.WaitAsync(cancellationToken);
        try
        {
            bool isTaken = registration.Tool is not null && catalog.Current.TryGet(registration.Name, out _);
            if (isTaken || !await store.AddAsync(registration.Name, request, timeProvider.GetUtcNow(), cancellationToken))
                return (registration, null);
            await OfferAsync(registration, cancellationToken);
            return (registration, [.. catalog.Current.All.Where(tool => tool.Owner == OwnerOf(registration.Name))]);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Removes what was registered under a name; trajectories that have begun keep an HTTP endpoint. False where there is no such registration.</summary>
    public async Task<bool> RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            if (!await store.RemoveAsync(name, cancellationToken))
                return false;
            if (_servers.Remove(name, out McpServer? server))
                await server.DisposeAsync();
            catalog.Remove(OwnerOf(name));
            Log.ToolUnregistered(logger, name);
            return true;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>How <see cref="RegisteredTool.Owner"/> names a registration.</summary>
    public static string OwnerOf(string name) => $"registration '{name}'";

    private async Task OfferAsync(Registration registration, CancellationToken cancellationToken)
    {
        string name = registration.Name;
        try
        {
            if (registration.Tool is { } definition)
            {
                HttpTool tool = new(definition, http);
                catalog.Add(OwnerOf(name), [tool]);
                Log.ToolRegistered(logger, name, tool.ToString());
            }
            else
            {
                McpServer server = CreateServer(registration);
                await server.StartAsync(cancellationToken);
                _servers.Add(name, server);
                Log.ToolRegistered(logger, name, server.ToString());
            }
        }
        catch (Exception exception)
        {
            await store.RemoveAsync(name, CancellationToken.None);
            if (exception is ToolException)
                throw new InvalidInputException(ProblemCodes.InvalidValue, exception.Message);
            throw;
        }
    }

    private McpServer CreateServer(Registration registration) =>
        new(registration.Server!, catalog, timeProvider, serverLogger, OwnerOf(registration.Name));
}
