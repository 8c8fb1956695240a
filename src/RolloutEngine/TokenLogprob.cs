namespace AgentRollout.RolloutEngine;

/// <summary>A token that might have been sampled.</summary>
/// <param name="Token">The id.</param>
/// <param name="Logprob">Natural log-probability in the raw distribution.</param>
public readonly record struct TokenLogprob(int Token, float Logprob);
