namespace AgentRollout.RolloutEngine;

/// <summary>Tells how likely given tokens are. Apart from <see cref="ITokenEngine"/>, since not every engine can be asked.</summary>
public interface ITokenScorer
{
    /// <summary>The log-probability of each token but the first, given those before it.</summary>
    /// <param name="tokens">At least one, at most the context length.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="EngineException">The engine refused or lost the request.</exception>
    Task<TokenScores> ScoreAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken);
}

/// <summary>What the model thinks of given tokens.</summary>
/// <param name="Logprobs">Natural log-probability in the raw distribution of each token but the first.</param>
/// <param name="WeightVersion">The weights that say so.</param>
public sealed record TokenScores(IReadOnlyList<float> Logprobs, long WeightVersion);
