namespace AgentRollout.Gateway.Weights;

/// <summary>A set of bytes as ranges that neither touch nor overlap. Not thread-safe.</summary>
internal sealed class ByteRanges
{
    private readonly SortedDictionary<long, long> _ends = [];

    /// <summary>How many bytes are in the set.</summary>
    public long Count { get; private set; }

    public void Add(long start, long end)
    {
        if (start >= end)
            return;
        Remove(start, end);
        foreach ((long from, long to) in _ends.Where(range => range.Value == start || range.Key == end).ToArray())
        {
            _ends.Remove(from);
            (start, end) = (Math.Min(start, from), Math.Max(end, to));
            Count -= to - from;
        }

        _ends[start] = end;
        Count += end - start;
    }

    public void Remove(long start, long end)
    {
        if (start >= end)
            return;
        foreach ((long from, long to) in _ends.Where(range => range.Key < end && range.Value > start).ToArray())
        {
            _ends.Remove(from);
            Count -= to - from;
            Keep(from, Math.Min(to, start));
            Keep(Math.Max(from, end), to);
        }
    }

    /// <summary>Whether all bytes of the range are in the set.</summary>
    public bool Covers(long start, long end) => start >= end || _ends.Any(range => range.Key <= start && range.Value >= end);

    private void Keep(long start, long end)
    {
        if (start >= end)
            return;
        _ends[start] = end;
        Count += end - start;
    }
}
