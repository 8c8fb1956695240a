namespace AgentRollout.RolloutEngine;

/// <summary>An engine that a router can send sequences to.</summary>
public interface IEngineNode : ITokenEngine, IWeightReceiver
{
    /// <summary>Asks the engine how it is, over the network where it runs elsewhere.</summary>
    /// <exception cref="EngineException">It does not answer, or says that it cannot serve.</exception>
    Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken);
}

/// <summary>What an engine says of itself; null what it does not say.</summary>
/// <param name="WeightVersion">Of the weights that it serves.</param>
/// <param name="Running">Sequences in its batch.</param>
/// <param name="Waiting">Requests that wait for a place.</param>
/// <param name="PagesInUse">The share of its cache's pages that sequences use, 0 to 1.</param>
public sealed record EngineLoad(long? WeightVersion, int? Running, int? Waiting, double? PagesInUse);
