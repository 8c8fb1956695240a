namespace AgentRollout.RolloutEngine.Routing;

/// <summary>A generation that may move from engine to engine: what it has sampled so far, and what is left to ask for.</summary>
internal sealed class Continuation(GenerationRequest request)
{
    private readonly List<int> _sampled = [];
    private readonly List<TokenChunk> _held = [];
    private bool _hasMoved;

    /// <summary>Losses since the last token.</summary>
    public int Losses { get; private set; }

    public int Sampled => _sampled.Count;

    private bool HoldsBack => request.OnInterrupt == InterruptPolicy.Restart;

    /// <summary>What an engine is asked for now.</summary>
    public GenerationRequest Remaining() => _sampled.Count == 0 ? request : request with
    {
        Tokens = (int[])[.. request.Tokens.Span, .. _sampled],
        MaxNewTokens = request.MaxNewTokens - _sampled.Count,
        SampledBefore = request.SampledBefore + _sampled.Count,
    };

    /// <summary>Takes a chunk in, and gives what the caller sees of it: nothing yet where the generation might start again.</summary>
    public IReadOnlyList<TokenChunk> Take(TokenChunk chunk)
    {
        Losses = 0;
        _sampled.AddRange(chunk.Tokens.Span);
        // What the last engine says of times and caches is not true of the whole.
        if (_hasMoved && chunk.Finish is not null)
            chunk = chunk with { Timings = null, CachedTokens = null };
        if (!HoldsBack)
            return [chunk];
        _held.Add(chunk);
        return chunk.Finish is null ? [] : _held;
    }

    /// <summary>Notes that the engine was lost; says how the generation ends by that, or null where it goes on elsewhere.</summary>
    public FinishReason? Lose()
    {
        Losses++;
        if (HoldsBack)
        {
            _sampled.Clear();
            _held.Clear();
            return null;
        }

        if (_sampled.Count == 0)
            return null;
        _hasMoved = true;
        return IsStopped() ? FinishReason.Stop
            : _sampled.Count == request.MaxNewTokens ? FinishReason.Length
            : request.OnInterrupt == InterruptPolicy.ReturnPartial ? FinishReason.Interrupted
            : null;
    }

    /// <summary>The last chunk of a generation that no engine ends.</summary>
    public static TokenChunk End(GenerationRequest request, FinishReason finish, long weightVersion) => new(
        ReadOnlyMemory<int>.Empty, ReadOnlyMemory<float>.Empty, request.Sampling.IsRaw ? null : ReadOnlyMemory<float>.Empty, weightVersion, finish)
    {
        TopLogprobs = request.TopLogprobs > 0 ? ReadOnlyMemory<TokenLogprob>.Empty : null,
        WatchedLogprobs = request.WatchedTokenIds.Count > 0 ? ReadOnlyMemory<float>.Empty : null,
        UnfilteredLogprobs = request.ReturnUnfilteredLogprobs ? ReadOnlyMemory<float>.Empty : null,
        KeptTokens = request.ReturnKeptTokens ? [] : null,
    };

    /// <summary>Whether only the word that it has ended was lost.</summary>
    private bool IsStopped() => request.StopTokenIds.Contains(_sampled[^1]) || request.StopSequences.Any(EndsWith);

    private bool EndsWith(IReadOnlyList<int> sequence)
    {
        ReadOnlySpan<int> before = request.Tokens.Span[^request.SampledBefore..];
        int missing = sequence.Count - _sampled.Count;
        if (missing > before.Length)
            return false;
        for (int i = 0; i < sequence.Count; i++)
        {
            if (sequence[i] != (i < missing ? before[before.Length - missing + i] : _sampled[_sampled.Count - sequence.Count + i]))
                return false;
        }

        return true;
    }
}
