namespace AgentRollout.RolloutEngine.Cache;

/// <summary>Hands out page ids; which memory a page means is the runner's business. Owned by the engine's loop.</summary>
internal sealed class PagePool
{
    /// <summary>Token slots of a page.</summary>
    public const int PageTokens = 16;

    private readonly int[] _free;
    private readonly bool[] _inUse;

    public PagePool(int pageCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageCount, 1);
        _free = new int[pageCount];
        _inUse = new bool[pageCount];
        for (int i = 0; i < pageCount; i++)
            _free[i] = pageCount - 1 - i;
        Free = pageCount;
    }

    public int Total => _free.Length;

    public int Free { get; private set; }

    public int InUse => Total - Free;

    /// <summary>Pages that hold this many tokens.</summary>
    public static int PagesFor(int tokens) => (tokens + PageTokens - 1) / PageTokens;

    /// <summary>Takes a page. The caller has looked at <see cref="Free"/>.</summary>
    public int Take()
    {
        if (Free == 0)
            throw new InvalidOperationException($"All {Total} pages are in use.");
        int page = _free[--Free];
        _inUse[page] = true;
        return page;
    }

    /// <summary>Gives a page back, once.</summary>
    public void Return(int page)
    {
        if (!_inUse[page])
            throw new InvalidOperationException($"Page {page} is free already.");
        _inUse[page] = false;
        _free[Free++] = page;
    }

    /// <summary>Throws where free and used pages are not exactly all pages.</summary>
    public void CheckIntegrity()
    {
        bool[] seen = new bool[Total];
        foreach (int page in _free.AsSpan(0, Free))
        {
            if (seen[page] || _inUse[page])
                throw new InvalidOperationException($"Page {page} is on the free list although it is {(seen[page] ? "there already" : "in use")}.");
            seen[page] = true;
        }

        if (_inUse.Count(used => used) != InUse)
            throw new InvalidOperationException($"{_inUse.Count(used => used)} pages are marked as used, {InUse} should be.");
    }
}
