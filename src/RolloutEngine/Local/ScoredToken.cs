namespace AgentRollout.RolloutEngine.Local;

/// <summary>What the model thinks of a token at its place.</summary>
/// <param name="Token">The id.</param>
/// <param name="Logprob">Natural log-probability in the raw distribution.</param>
/// <param name="SamplingLogprob">In the distribution of the sampling parameters; negative infinity where these exclude the token.</param>
public readonly record struct ScoredToken(int Token, float Logprob, float SamplingLogprob);
