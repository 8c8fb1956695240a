namespace AgentRollout.RolloutEngine.Backends;

/// <summary>What one sequence wants to know of its samples besides themselves. The device fills an entry for each; rows of a batch may fill theirs at once.</summary>
internal sealed class SampleDetails
{
    private readonly DetailsWanted _wanted;
    private readonly TokenLogprob[] _top; // [sample][rank]
    private readonly float[] _watched; // [sample][watched token]
    private readonly float[] _unfiltered; // [sample]
    private readonly int[] _keptEnds;
    private int[] _kept = [];

    /// <param name="capacity">Most samples.</param>
    /// <param name="wanted">What to report.</param>
    public SampleDetails(int capacity, DetailsWanted wanted)
    {
        _wanted = wanted;
        _top = new TokenLogprob[capacity * wanted.TopCount];
        _watched = new float[capacity * wanted.Watched.Length];
        _unfiltered = wanted.Unfiltered ? new float[capacity] : [];
        _keptEnds = wanted.Kept ? new int[capacity] : [];
    }

    public bool WantsUnfiltered => _wanted.Unfiltered;

    public bool WantsKept => _wanted.Kept;

    public bool WantsTop => _wanted.TopCount > 0;

    /// <summary>Tokens whose log-probabilities are wanted.</summary>
    public ReadOnlySpan<int> WatchedTokens => _wanted.Watched;

    /// <summary>Room for the likeliest tokens of a sample, the first being the likeliest.</summary>
    public Span<TokenLogprob> TopOf(int sample) => _top.AsSpan(sample * _wanted.TopCount, _wanted.TopCount);

    /// <summary>Room for the log-probabilities of <see cref="WatchedTokens"/> at a sample.</summary>
    public Span<float> WatchedOf(int sample) => _watched.AsSpan(sample * _wanted.Watched.Length, _wanted.Watched.Length);

    /// <summary>Notes the log-probability of a sample before the filters.</summary>
    public void SetUnfiltered(int sample, float logprob) => _unfiltered[sample] = logprob;

    /// <summary>Notes the tokens that the filters left of a sample, whose predecessors are noted; none where they were not at work.</summary>
    public void SetKept(int sample, ReadOnlySpan<int> kept)
    {
        int start = sample == 0 ? 0 : _keptEnds[sample - 1];
        if (start + kept.Length > _kept.Length)
            Array.Resize(ref _kept, Math.Max(2 * _kept.Length, start + kept.Length));
        kept.CopyTo(_kept.AsSpan(start));
        _keptEnds[sample] = start + kept.Length;
    }

    /// <summary>A chunk with what is known of its samples.</summary>
    /// <param name="chunk">Tokens and log-probabilities.</param>
    /// <param name="start">The first sample of the chunk.</param>
    public TokenChunk AddTo(TokenChunk chunk, int start)
    {
        int count = chunk.Tokens.Length;
        return chunk with
        {
            TopLogprobs = WantsTop ? Slice(_top, _wanted.TopCount) : default(ReadOnlyMemory<TokenLogprob>?),
            WatchedLogprobs = _wanted.Watched.Length > 0 ? Slice(_watched, _wanted.Watched.Length) : default(ReadOnlyMemory<float>?),
            UnfilteredLogprobs = WantsUnfiltered ? Slice(_unfiltered, 1) : default(ReadOnlyMemory<float>?),
            KeptTokens = WantsKept ? [.. Enumerable.Range(start, count).Select(Kept)] : null,
        };

        ReadOnlyMemory<T> Slice<T>(T[] all, int perSample) => all.AsMemory(start * perSample, count * perSample);
    }

    private ReadOnlyMemory<int> Kept(int sample) => _kept.AsMemory((sample == 0 ? 0 : _keptEnds[sample - 1]).._keptEnds[sample]);
}

/// <summary>What to report of each sample.</summary>
/// <param name="TopCount">How many of the likeliest tokens.</param>
/// <param name="Watched">Tokens whose log-probabilities are wanted.</param>
/// <param name="Unfiltered">The sample's log-probability before the filters; the likeliest and watched tokens are then of that distribution, else of the raw one.</param>
/// <param name="Kept">The tokens that the filters left.</param>
internal readonly record struct DetailsWanted(int TopCount, int[] Watched, bool Unfiltered = false, bool Kept = false)
{
    public bool IsNothing => TopCount == 0 && Watched is [] && !Unfiltered && !Kept;
}
