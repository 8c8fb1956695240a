namespace AgentRollout.RolloutEngine.Backends;

/// <summary>What one sequence wants to know of its samples besides themselves. The device adds one entry for each, in order.</summary>
internal sealed class SampleDetails
{
    private readonly TokenLogprob[] _top; // [sample][rank]
    private readonly int[] _keptEnds;
    private int[] _kept = [];
    private int _samples;

    /// <param name="capacity">Most samples.</param>
    /// <param name="topCount">Likeliest tokens that are reported with each.</param>
    /// <param name="wantsKept">Whether to report the tokens that the filters left.</param>
    public SampleDetails(int capacity, int topCount, bool wantsKept)
    {
        (TopCount, WantsKept) = (topCount, wantsKept);
        _top = new TokenLogprob[capacity * topCount];
        _keptEnds = wantsKept ? new int[capacity] : [];
    }

    public int TopCount { get; }

    public bool WantsKept { get; }

    /// <summary>Room for the likeliest tokens of the sample that comes next, the first being the likeliest.</summary>
    public Span<TokenLogprob> NextTop => _top.AsSpan(_samples * TopCount, TopCount);

    /// <summary>Ends the entry of a sample.</summary>
    /// <param name="kept">The tokens that the filters left; empty where they were not at work, or nobody wants to know.</param>
    public void EndSample(ReadOnlySpan<int> kept)
    {
        if (WantsKept)
        {
            int start = _samples == 0 ? 0 : _keptEnds[_samples - 1];
            if (start + kept.Length > _kept.Length)
                Array.Resize(ref _kept, Math.Max(2 * _kept.Length, start + kept.Length));
            kept.CopyTo(_kept.AsSpan(start));
            _keptEnds[_samples] = start + kept.Length;
        }

        _samples++;
    }

    /// <summary>Forgets all samples.</summary>
    public void Clear() => _samples = 0;

    /// <summary>The likeliest tokens of some samples, <see cref="TopCount"/> for each.</summary>
    public ReadOnlyMemory<TokenLogprob> Top(Range samples) => _top.AsMemory(samples.Start.Value * TopCount, (samples.End.Value - samples.Start.Value) * TopCount);

    /// <summary>The kept tokens of some samples.</summary>
    public IReadOnlyList<ReadOnlyMemory<int>> Kept(Range samples) =>
        [.. Enumerable.Range(samples.Start.Value, samples.End.Value - samples.Start.Value)
            .Select(sample => (ReadOnlyMemory<int>)_kept.AsMemory((sample == 0 ? 0 : _keptEnds[sample - 1]).._keptEnds[sample]))];
}
