namespace AgentRollout.RolloutEngine;

/// <summary>Tokens that the engine sampled, in order.</summary>
/// <param name="Tokens">The ids; empty only where a last chunk has nothing to add but its finish reason.</param>
/// <param name="Logprobs">Natural log-probability of each token in the raw distribution; same length as <paramref name="Tokens"/>.</param>
/// <param name="SamplingLogprobs">The same in the distribution sampled from; null where that is the raw one (<see cref="SamplingParams.IsRaw"/>).</param>
/// <param name="WeightVersion">The weights that produced all tokens of this chunk.</param>
/// <param name="Finish">Set on the last chunk of a request.</param>
/// <param name="Timings">Set on the last chunk, where the engine knows them.</param>
public sealed record TokenChunk(
    ReadOnlyMemory<int> Tokens,
    ReadOnlyMemory<float> Logprobs,
    ReadOnlyMemory<float>? SamplingLogprobs,
    long WeightVersion,
    FinishReason? Finish = null,
    GenerationTimings? Timings = null);

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token was sampled.</summary>
    Stop,

    /// <summary>The request's <see cref="GenerationRequest.MaxNewTokens"/> were sampled.</summary>
    Length,
}

/// <summary>Where a generation's time went.</summary>
/// <param name="Queue">From the call until the first of its tokens was scheduled.</param>
/// <param name="Prefill">Until the first token was sampled.</param>
/// <param name="Decode">From the first sampled token to the last.</param>
public sealed record GenerationTimings(TimeSpan Queue, TimeSpan Prefill, TimeSpan Decode);
