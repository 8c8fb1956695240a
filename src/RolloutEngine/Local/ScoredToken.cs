namespace AgentRollout.RolloutEngine.Local;

/// <summary>What the model thinks of a token at its place.</summary>
/// <param name="Token">The id.</param>
/// <param name="Logprob">Natural log-probability in the raw distribution.</param>
/// <param name="SamplingLogprob">In the distribution of the sampling parameters; negative infinity where these exclude the token.</param>
public readonly record struct ScoredToken(int Token, float Logprob, float SamplingLogprob)
{
    /// <summary>The likeliest tokens in the raw distribution, <see cref="ScoreRequest.TopLogprobs"/> of them.</summary>
    public ReadOnlyMemory<TokenLogprob> Top { get; init; }

    /// <summary>The log-probabilities of <see cref="ScoreRequest.WatchedTokenIds"/> in the raw distribution.</summary>
    public ReadOnlyMemory<float> Watched { get; init; }
}
