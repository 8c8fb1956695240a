using System.Runtime.InteropServices;

namespace AgentRollout.Tokenization.Masking;

/// <summary>
/// One append-only run of tokens that the model saw, with the source of each. The segments cover the tokens without gap or overlap, and
/// all views have one length. Owned by one trajectory; not thread-safe.
/// </summary>
public sealed class TokenSequence
{
    private readonly List<int> _tokens = [];
    private readonly List<byte> _lossMask = [];
    private readonly List<float> _logprobs = [];
    private readonly List<float> _samplingLogprobs = [];
    private readonly List<TokenSegment> _segments = [];
    private bool _hasSamplingLogprobs;

    /// <param name="startedBecause">Why the trajectory started another sequence; null for its first.</param>
    public TokenSequence(string? startedBecause = null) => StartedBecause = startedBecause;

    /// <summary>Why the trajectory started another sequence; null for its first.</summary>
    public string? StartedBecause { get; }

    public int Count => _tokens.Count;

    /// <summary>The tokens exactly as the engine saw or sampled them. Valid until the next append.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>1 where the engine sampled the token, else 0. Valid until the next append.</summary>
    public ReadOnlySpan<byte> LossMask => CollectionsMarshal.AsSpan(_lossMask);

    /// <summary>Log-probabilities in the raw distribution; NaN where the mask is 0, or where an append gave none. Valid until the next append.</summary>
    public ReadOnlySpan<float> Logprobs => CollectionsMarshal.AsSpan(_logprobs);

    /// <summary>
    /// Log-probabilities in the distribution sampled from; NaN where the mask is 0 and for appends that gave none. Empty where no append
    /// gave any. Valid until the next append.
    /// </summary>
    public ReadOnlySpan<float> SamplingLogprobs => _hasSamplingLogprobs ? CollectionsMarshal.AsSpan(_samplingLogprobs) : [];

    /// <summary>Who produced which tokens, in order.</summary>
    public IReadOnlyList<TokenSegment> Segments => _segments;

    /// <summary>Appends tokens that the engine did not sample. Appending none changes nothing.</summary>
    /// <param name="source">Any source but <see cref="SegmentSource.Sampled"/>.</param>
    /// <param name="turn">0 for the prompt, k for what follows the k-th assistant turn.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="callIds">For an observation that answers tool calls: the calls.</param>
    /// <exception cref="TokenizerException">The source is <c>Sampled</c>, or the turn goes back.</exception>
    public void Append(SegmentSource source, int turn, ReadOnlySpan<int> tokens, IReadOnlyList<string>? callIds = null)
    {
        if (source == SegmentSource.Sampled)
            throw new TokenizerException("Sampled tokens need their log-probabilities; use AppendSampled.");
        RequireTurn(turn);
        if (tokens.IsEmpty)
            return;

        _segments.Add(new TokenSegment(Count, Count + tokens.Length, source, turn, CallIds: callIds));
        _tokens.AddRange(tokens);
        Extend<byte>(_lossMask, 0, tokens.Length);
        Extend(_logprobs, float.NaN, tokens.Length);
        Extend(_samplingLogprobs, float.NaN, tokens.Length);
    }

    /// <summary>
    /// Appends tokens that the engine sampled. Consecutive appends of one turn and one weight version make one segment, which keeps the last
    /// finish reason. An append without tokens brings the finish reason to the segment before it, or changes nothing.
    /// </summary>
    /// <param name="turn">The assistant turn, from 1.</param>
    /// <param name="tokens">The ids exactly as sampled.</param>
    /// <param name="logprobs">One per token, in the raw distribution, never NaN; empty where the engine does not report them.</param>
    /// <param name="weightVersion">The version of the weights that sampled them.</param>
    /// <param name="samplingLogprobs">One per token in the distribution sampled from, or empty where the two are one; NaN where the engine does not report them.</param>
    /// <param name="finishReason">Why the engine stopped, with the last tokens of the turn.</param>
    /// <exception cref="TokenizerException">The lengths differ, a log-probability is NaN, or the turn goes back.</exception>
    public void AppendSampled(
        int turn,
        ReadOnlySpan<int> tokens,
        ReadOnlySpan<float> logprobs,
        long weightVersion,
        ReadOnlySpan<float> samplingLogprobs = default,
        string? finishReason = null)
    {
        RequireTurn(turn);
        RequireLogprobs(tokens.Length, logprobs, samplingLogprobs);
        TokenSegment? last = _segments is [.., TokenSegment segment] ? segment : null;
        if (last is { Source: SegmentSource.Sampled } && last.Turn == turn && (last.WeightVersion == weightVersion || tokens.IsEmpty))
            _segments[^1] = last with { End = Count + tokens.Length, FinishReason = finishReason ?? last.FinishReason };
        else if (!tokens.IsEmpty)
            _segments.Add(new TokenSegment(Count, Count + tokens.Length, SegmentSource.Sampled, turn, weightVersion, finishReason));

        _tokens.AddRange(tokens);
        Extend<byte>(_lossMask, 1, tokens.Length);
        if (logprobs.IsEmpty)
            Extend(_logprobs, float.NaN, tokens.Length);
        else
            _logprobs.AddRange(logprobs);
        if (samplingLogprobs.IsEmpty)
            Extend(_samplingLogprobs, float.NaN, tokens.Length);
        else
            _samplingLogprobs.AddRange(samplingLogprobs);
        _hasSamplingLogprobs |= !samplingLogprobs.IsEmpty;
    }

    private void RequireTurn(int turn)
    {
        int last = _segments is [.., TokenSegment segment] ? segment.Turn : 0;
        if (turn < last)
            throw new TokenizerException($"Turn {turn} cannot follow turn {last}: a sequence only grows.");
    }

    private static void RequireLogprobs(int count, ReadOnlySpan<float> logprobs, ReadOnlySpan<float> samplingLogprobs)
    {
        if (!logprobs.IsEmpty && logprobs.Length != count)
            throw new TokenizerException($"{count} sampled tokens came with {logprobs.Length} log-probabilities.");
        if (!samplingLogprobs.IsEmpty && samplingLogprobs.Length != count)
            throw new TokenizerException($"{count} sampled tokens came with {samplingLogprobs.Length} sampling log-probabilities.");
        foreach (float logprob in logprobs)
        {
            if (float.IsNaN(logprob))
                throw new TokenizerException("A sampled token came with NaN as its log-probability.");
        }
    }

    private static void Extend<T>(List<T> list, T value, int count)
    {
        int start = list.Count;
        CollectionsMarshal.SetCount(list, start + count);
        CollectionsMarshal.AsSpan(list)[start..].Fill(value);
    }
}
