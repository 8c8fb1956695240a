using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Tests.Routing;

/// <summary>An engine that a test can take away in the middle of whatever it does, and give back.</summary>
internal sealed class FragileNode(LocalEngine engine) : IEngineNode
{
    private int _generations;

    /// <summary>Called with every request; the number of tokens after which the engine dies of it, or null.</summary>
    public Func<GenerationRequest, int?> DiesAfter { get; set; } = _ => null;

    /// <summary>Whether it is away: whatever is asked fails.</summary>
    public bool IsDead { get; set; }

    /// <summary>Whether it says nothing any more, neither answers nor errors.</summary>
    public bool IsMute { get; set; }

    /// <summary>Why it refuses to change its weights; null for not.</summary>
    public string? RefusesWeights { get; set; }

    public int Generations => Volatile.Read(ref _generations);

    public LocalEngine Inner => engine;

    public string Name => engine.Name;

    public EngineModel Model => engine.Model;

    public bool IsPaused => engine.IsPaused;

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _generations);
        int? left = DiesAfter(request);
        await AliveAsync(cancellationToken);
        if (left == 0)
            throw Die();
        await foreach (TokenChunk chunk in engine.GenerateAsync(request, cancellationToken))
        {
            await AliveAsync(cancellationToken);
            if (left <= chunk.Tokens.Length)
            {
                if (left > 0)
                    yield return Cut(chunk, left.Value);
                throw Die();
            }

            left -= chunk.Tokens.Length;
            yield return chunk;
        }
    }

    public async Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken)
    {
        await AliveAsync(cancellationToken);
        return await engine.ProbeAsync(cancellationToken);
    }

    public async Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default)
    {
        await AliveAsync(cancellationToken);
        await engine.PauseAsync(retract, cancellationToken);
    }

    public async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        await AliveAsync(cancellationToken);
        await engine.ResumeAsync(cancellationToken);
    }

    public async Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default)
    {
        await AliveAsync(cancellationToken);
        return await engine.FlushCacheAsync(cancellationToken);
    }

    public async Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken)
    {
        await AliveAsync(cancellationToken);
        return RefusesWeights is { } reason ? throw new EngineException(reason) : await engine.UpdateWeightsAsync(update, cancellationToken);
    }

    public async Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default)
    {
        await AliveAsync(cancellationToken);
        return await engine.ReleaseMemoryAsync(memory, cancellationToken);
    }

    public async Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken)
    {
        await AliveAsync(cancellationToken);
        await engine.ResumeMemoryAsync(memory, cancellationToken);
    }

    private async Task AliveAsync(CancellationToken cancellationToken)
    {
        if (IsMute)
            await Task.Delay(Timeout.Infinite, cancellationToken);
        if (IsDead)
            throw new EngineException("The engine is away.") { IsLost = true };
    }

    private EngineException Die()
    {
        IsDead = true;
        return new EngineException("The engine died.") { IsLost = true };
    }

    private static TokenChunk Cut(TokenChunk chunk, int count) => chunk with
    {
        Tokens = chunk.Tokens[..count],
        Logprobs = chunk.Logprobs[..count],
        SamplingLogprobs = chunk.SamplingLogprobs?[..count],
        Finish = null,
        Timings = null,
    };
}
