namespace AgentRollout.RolloutEngine.Backends;

/// <summary>A token chosen for one output row.</summary>
/// <param name="Token">The id: drawn, or the forced one.</param>
/// <param name="Logprob">In the raw distribution; not a number where the logits were not finite.</param>
/// <param name="SamplingLogprob">In the distribution sampled from; negative infinity for a forced token outside of it.</param>
internal readonly record struct SampledToken(int Token, float Logprob, float SamplingLogprob);
