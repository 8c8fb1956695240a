namespace AgentRollout.RolloutEngine;

/// <summary>Tokens that the engine sampled, in order.</summary>
/// <param name="Tokens">The ids; empty only where a last chunk has nothing to add but its finish reason.</param>
/// <param name="Logprobs">Natural log-probability of each token in the raw distribution; same length as <paramref name="Tokens"/>. NaN where <see cref="Missing"/> says so, and only there.</param>
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
    GenerationTimings? Timings = null)
{
    /// <summary>Which of several engines sampled the tokens; null where there is only one.</summary>
    public string? Engine { get; init; }

    /// <summary>The log-probabilities that the engine does not report for this request, all of which are NaN. The embedded engine reports all.</summary>
    public MissingLogprobs Missing { get; init; }

    /// <summary>
    /// The likeliest tokens in the raw distribution, or the unfiltered one where that was asked for, <see cref="GenerationRequest.TopLogprobs"/> for
    /// each token; null where none were asked for, or where the engine does not report that distribution.
    /// </summary>
    public ReadOnlyMemory<TokenLogprob>? TopLogprobs { get; init; }

    /// <summary>
    /// The log-probabilities of <see cref="GenerationRequest.WatchedTokenIds"/>, in their order, for each token; null where none were asked for. In
    /// the distribution of <see cref="TopLogprobs"/>, and null where that is not reported.
    /// </summary>
    public ReadOnlyMemory<float>? WatchedLogprobs { get; init; }

    /// <summary>
    /// Each token's log-probability before the filters; null where <see cref="GenerationRequest.ReturnUnfilteredLogprobs"/> did not ask for it.
    /// </summary>
    public ReadOnlyMemory<float>? UnfilteredLogprobs { get; init; }

    /// <summary>
    /// Set on the last chunk, where the engine knows it: how many of the request's tokens were found computed when it was first admitted.
    /// </summary>
    public int? CachedTokens { get; init; }

    /// <summary>
    /// For each token the ids that the filters left to draw from, ascending; empty where no filter was in force. Null where
    /// <see cref="GenerationRequest.ReturnKeptTokens"/> did not ask for them.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<int>>? KeptTokens { get; init; }
}

/// <summary>Log-probabilities that an engine does not report.</summary>
[Flags]
public enum MissingLogprobs
{
    /// <summary>All are there.</summary>
    None = 0,

    /// <summary>Those of the raw distribution.</summary>
    Raw = 1,

    /// <summary>Those of the distribution sampled from, where that is another.</summary>
    Sampling = 2,
}

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token or a stop sequence was sampled.</summary>
    Stop,

    /// <summary>The request's <see cref="GenerationRequest.MaxNewTokens"/> were sampled.</summary>
    Length,

    /// <summary>The engine was taken away, and the request asked for what there was until then (<see cref="InterruptPolicy.ReturnPartial"/>).</summary>
    Interrupted,

    /// <summary>The request's <see cref="GenerationRequest.Deadline"/> passed before anything else ended it.</summary>
    Deadline,
}

/// <summary>Where a generation's time went; a phase that was cut lasts until the end, and one that was not reached no time.</summary>
/// <param name="Queue">From the call until the first of its tokens was scheduled.</param>
/// <param name="Prefill">Until the first token was sampled.</param>
/// <param name="Decode">From the first sampled token to the last.</param>
public sealed record GenerationTimings(TimeSpan Queue, TimeSpan Prefill, TimeSpan Decode);
