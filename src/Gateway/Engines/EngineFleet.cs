using System.Collections.Concurrent;
using AgentRollout.Environments;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Routing;

namespace AgentRollout.Gateway.Engines;

/// <summary>The engines that the server's router stands over, and how they are reached. Thread-safe.</summary>
internal sealed class EngineFleet(Policy policy, GatewayOptions options, ILoggerFactory loggers, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, FleetEngine> _reached = new(StringComparer.Ordinal);

    /// <summary>The server's router; null where it computes by itself.</summary>
    public RouterEngine? Router => policy.Engine as RouterEngine;

    /// <summary>Adds the engines of the settings, all at once; those that do not answer are looked for from then on.</summary>
    /// <exception cref="InvalidInputException">An address, a name or a key is malformed.</exception>
    public Task AddConfiguredAsync(CancellationToken cancellationToken)
    {
        FleetEngine[] engines = [.. options.Engines.Select(engine => engine.ToEngine())];
        return Task.WhenAll(engines.Select(engine => AddAsync(engine, cancellationToken)));
    }

    /// <summary>Adds an engine; ends when it has answered, or has failed to.</summary>
    /// <exception cref="ConflictException">There is one of this name.</exception>
    public async Task<EngineNodeResponse> AddAsync(FleetEngine engine, CancellationToken cancellationToken)
    {
        RouterEngine router = RequireRouter();
        if (!_reached.TryAdd(engine.Name, engine))
            throw new ConflictException(ProblemCodes.EngineExists, $"There is an engine '{engine.Name}' already.");
        RemoteEngineOptions reach = new()
        {
            Name = engine.Name, ModelFolder = options.Model, ApiKey = engine.ApiKey, Time = time, Loggers = loggers,
        };
        await router.AddAsync(
            engine.Name, async cancel => await RemoteEngine.ConnectAsync(engine.Kind, engine.Address, reach, cancel), cancellationToken);
        return List().First(other => other.Name == engine.Name);
    }

    /// <summary>Takes an engine out, as soon as it has finished what it has, or at once.</summary>
    /// <returns>False where there is none of this name.</returns>
    public async Task<bool> RemoveAsync(string name, bool atOnce, CancellationToken cancellationToken)
    {
        if (!await RequireRouter().RemoveAsync(name, atOnce, cancellationToken))
            return false;
        _reached.TryRemove(name, out _);
        return true;
    }

    /// <summary>Lets an engine finish what it has and sends it nothing new.</summary>
    /// <returns>False where there is none of this name.</returns>
    public bool Drain(string name) => RequireRouter().Drain(name);

    /// <summary>All engines as they are now; the embedded one where there is no router.</summary>
    public IReadOnlyList<EngineNodeResponse> List() => Router is { } router
        ? [.. router.Engines.Select(engine => EngineNodeResponse.Of(engine, _reached.GetValueOrDefault(engine.Name)))]
        : [EngineNodeResponse.OfEmbedded(policy.Engine)];

    private RouterEngine RequireRouter() => Router ?? throw new InvalidInputException(
        ProblemCodes.NotSupported, "This server computes by itself; one with 'engines', or with --roles api,tools, takes engines.");
}
