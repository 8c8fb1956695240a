namespace AgentRollout.RolloutEngine.Cache;

/// <summary>An ordered set of page ids, linked through arrays: every operation takes constant time and allocates nothing.</summary>
internal sealed class PageList
{
    private const int None = -1;

    private readonly int[] _next;
    private readonly int[] _previous;
    private int _last = None;

    public PageList(int pageCount) => (_next, _previous) = (new int[pageCount], new int[pageCount]);

    public int Count { get; private set; }

    /// <summary>The page that was added longest ago; -1 where there is none.</summary>
    public int First { get; private set; } = None;

    /// <summary>The page after this one; -1 after the last.</summary>
    public int After(int page) => _next[page];

    public void AddLast(int page)
    {
        (_previous[page], _next[page]) = (_last, None);
        if (_last == None)
            First = page;
        else
            _next[_last] = page;
        _last = page;
        Count++;
    }

    public void Remove(int page)
    {
        (int previous, int next) = (_previous[page], _next[page]);
        if (previous == None)
            First = next;
        else
            _next[previous] = next;
        if (next == None)
            _last = previous;
        else
            _previous[next] = previous;
        Count--;
    }
}
