namespace AgentRollout.RolloutEngine;

/// <summary>
/// What a trainer asks of an engine between steps: hold still, take other weights, lend memory. Apart from <see cref="ITokenEngine"/>, since not every
/// engine can be asked.
/// </summary>
public interface IWeightReceiver
{
    /// <summary>Whether generation is paused, as far as is known here.</summary>
    bool IsPaused { get; }

    /// <summary>Stops after the step that the engine is in; requests wait until <see cref="ResumeAsync"/>.</summary>
    /// <param name="retract">Whether those that run give up their pages, so that the cache can be flushed; they compute them again when they go on.</param>
    /// <param name="cancellationToken">Gives up waiting for the answer.</param>
    /// <exception cref="EngineException">The engine is lost or refuses.</exception>
    Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default);

    /// <summary>Goes on after <see cref="PauseAsync"/>.</summary>
    /// <exception cref="EngineException">The engine is lost or refuses.</exception>
    Task ResumeAsync(CancellationToken cancellationToken = default);

    /// <summary>Forgets all keys and values that no running sequence uses; returns the number of pages that became free, null where the engine does not say.</summary>
    /// <exception cref="EngineException">The engine is lost, or stays busy where it flushes only when idle.</exception>
    Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default);

    /// <summary>Changes the weights at a step boundary; the old ones stay in use if anything is wrong.</summary>
    /// <exception cref="EngineException">The weights do not fit, or what the update asks of running sequences is not possible.</exception>
    Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken);

    /// <summary>Gives memory back to the system and tells how much that was; null where the engine does not say.</summary>
    /// <exception cref="EngineException">The engine is lost or refuses.</exception>
    Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default);

    /// <summary>Takes memory back.</summary>
    /// <exception cref="EngineException">The weights cannot be read again, or the engine is lost or refuses.</exception>
    Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken);
}
