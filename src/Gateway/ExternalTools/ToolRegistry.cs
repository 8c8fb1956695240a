using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>
/// Tools that clients register and remove while the server runs. What is registered is stored first and then offered, and loaded before the first
/// rollout goes on after a restart.
/// </summary>
internal sealed class ToolRegistry(
    ToolStore store, ToolCatalog catalog, HttpToolClient http, GatewayOptions options, TimeProvider timeProvider, ILogger<ToolRegistry> logger)
    : IHostedService, IDisposable
{
    private const string Http = "http";

    private readonly SemaphoreSlim _changing = new(1);

    /// <summary>Offers what is stored. What cannot be offered any more, such as a tool whose name the program has taken, stays stored and is logged.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, byte[] request) in store.List())
        {
            try
            {
                catalog.Add(OwnerOf(name), [Read(request)]);
            }
            catch (Exception exception) when (exception is ToolException or InvalidInputException)
            {
                Log.RegistrationNotLoaded(logger, name, exception.Message);
            }
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _changing.Dispose();

    /// <summary>Registers a tool; it is offered to trajectories that begin from now on.</summary>
    /// <returns>Its name, and the tool or, where the name is taken, null.</returns>
    /// <exception cref="InvalidInputException">The request cannot be used; the message names the bad value and the known ones.</exception>
    public async Task<(string Name, RegisteredTool? Tool)> AddAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken)
    {
        HttpTool tool = Read(request);
        string name = tool.Spec.Name;
        await _changing.WaitAsync(cancellationToken);
        try
        {
            if (catalog.Current.TryGet(name, out _) || !await store.AddAsync(name, request, timeProvider.GetUtcNow(), cancellationToken))
                return (name, null);
            try
            {
                catalog.Add(OwnerOf(name), [tool]);
            }
            catch (ToolException exception)
            {
                await store.RemoveAsync(name, CancellationToken.None);
                throw Invalid(exception.Message);
            }

            Log.ToolRegistered(logger, name, tool.ToString());
            return (name, catalog.Current.TryGet(name, out RegisteredTool? registered) ? registered : null);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Removes what was registered under a name; trajectories that have begun keep it. False where there is no such registration.</summary>
    public async Task<bool> RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            if (!await store.RemoveAsync(name, cancellationToken))
                return false;
            catalog.Remove(OwnerOf(name));
            Log.ToolUnregistered(logger, name);
            return true;
        }
        finally
        {
            _changing.Release();
        }
    }

    private static string OwnerOf(string name) => $"registration '{name}'";

    private HttpTool Read(ReadOnlyMemory<byte> request)
    {
        CheckType(request);
        RegisterHttpToolRequest definition = StrictJson.Read(request, GatewayJson.Default.RegisterHttpToolRequest);
        // Else whoever may register a tool could have any secret of this machine sent anywhere.
        if (definition.Auth is { } auth && !options.ToolSecrets.Contains(auth.Secret))
        {
            throw Invalid(
                "Member 'auth.secret' names a secret that registered tools may not use; setting 'tool_secrets' lists those that they may: " +
                $"{string.Join(", ", options.ToolSecrets.DefaultIfEmpty("none"))}.");
        }

        try
        {
            return new HttpTool(definition, http);
        }
        catch (ToolException exception)
        {
            throw Invalid(exception.Message);
        }
    }

    /// <summary>Checked before the rest, whose members depend on it.</summary>
    private static void CheckType(ReadOnlyMemory<byte> request)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(request);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("type", out JsonElement type)
                && !(type.ValueKind == JsonValueKind.String && type.ValueEquals(Http)))
            {
                throw Invalid($"Member 'type' is {type.GetRawText()}; known types: {Http}.");
            }
        }
        catch (JsonException)
        {
            // Said with its place by the reader that follows.
        }
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
