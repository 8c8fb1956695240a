using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Cache;

/// <summary>
/// Owns all pages and remembers what was computed into them. A page is free, running (in some sequence's table), leased (kept for a
/// trajectory that is expected back) or cached (kept until its room is needed; the page used longest ago goes first). Only running pages are
/// spoken for: all others can be had. Without <paramref name="enabled"/> nothing is remembered, and results are the same bits.
/// Owned by the engine's loop.
/// </summary>
internal sealed class PrefixCache(PagePool pool, bool enabled, PrefixLeases leases)
{
    private readonly PrefixTree _tree = new(pool.Total);

    /// <summary>
    /// The cached pages. Whoever uses a page uses all before it, and lets go of the last first, so a page stands behind all that follow it
    /// in the tree, and the first of the list is a leaf.
    /// </summary>
    private readonly PageList _cached = new(pool.Total);
    private readonly int[] _readers = new int[pool.Total];
    private readonly int[] _leases = new int[pool.Total];

    public int Total => pool.Total;

    public int Free => pool.Free;

    public int Cached => _cached.Count;

    public int Leased { get; private set; }

    public int Running => Total - Free - Cached - Leased;

    /// <summary>Pages that can be had without taking one from a sequence that runs.</summary>
    public int Available => Total - Running;

    public long Hits { get; private set; }

    public long HitTokens { get; private set; }

    public long Evictions { get; private set; }

    /// <summary>Gives an empty table all that is known of these tokens.</summary>
    public PrefixMatch Attach(PageTable table, ReadOnlySpan<int> tokens)
    {
        PrefixMatch match = enabled ? Match(tokens) : new PrefixMatch(PrefixTree.Root, 0, 0, 0);
        AddPath(table, match.Page);
        return match;
    }

    /// <summary>Counts an attachment that is kept, and ends the lease under the sequence's key.</summary>
    public void Attached(in PrefixMatch match, string? leaseKey)
    {
        Hits += match.Tokens > 0 ? 1 : 0;
        HitTokens += match.Tokens;
        if (leaseKey is not null && leases.Return(leaseKey) is { } lastPage)
            Unlease(lastPage);
    }

    /// <summary>Takes a page, evicting one where none is free. The caller has looked at <see cref="Available"/>.</summary>
    public int Take()
    {
        if (pool.Free == 0)
        {
            if (_cached.Count == 0 && leases.Count > 0)
                ReclaimLeases();
            if (_cached.Count > 0)
                Evict(_cached.First);
        }

        return pool.Take();
    }

    /// <summary>Remembers the full pages of computed tokens. Of two pages with the same content one is kept.</summary>
    public void Publish(PageTable table, ReadOnlySpan<int> computed)
    {
        if (!enabled)
            return;
        while ((table.Shared + 1) * PagePool.PageTokens <= computed.Length)
            Publish(table, computed, PagePool.PageTokens);
    }

    /// <summary>Empties a table and remembers all that was computed into its pages, the last page included.</summary>
    /// <param name="table">Of a sequence that leaves the batch.</param>
    /// <param name="computed">The tokens whose keys and values the pages hold.</param>
    /// <param name="leaseKey">Under which the pages are kept for the sequence's return; null where none is expected.</param>
    public void Release(PageTable table, ReadOnlySpan<int> computed, string? leaseKey)
    {
        Publish(table, computed);
        int tail = computed.Length - table.Shared * PagePool.PageTokens;
        if (enabled && tail > 0)
            Publish(table, computed, tail);
        if (leaseKey is not null && leases.Granted && table.Shared > 0)
            Lease(table.LastShared, leaseKey);
        Empty(table, forget: false);
    }

    /// <summary>Empties a table and forgets what only this sequence used: what led to a failure is not kept.</summary>
    public void Discard(PageTable table) => Empty(table, forget: true);

    /// <summary>Ends the leases whose time is up.</summary>
    public void EndExpiredLeases()
    {
        while (leases.TakeExpired() is { } lastPage)
            Unlease(lastPage);
    }

    /// <summary>Forgets everything that no running sequence uses, leases included.</summary>
    public void Flush()
    {
        while (leases.Count > 0)
            Unlease(leases.TakeLeastUseful());
        while (_cached.Count > 0)
            Evict(_cached.First);
    }

    /// <summary>Throws where the states of the pages contradict each other, given the tables of all running sequences.</summary>
    public void CheckIntegrity(IEnumerable<PageTable> tables)
    {
        pool.CheckIntegrity();
        int[] readers = new int[Total], leased = new int[Total];
        HashSet<int> own = [];
        foreach (PageTable table in tables)
        {
            foreach (int page in table.Pages[..table.Shared])
                readers[page]++;
            foreach (int page in table.Pages[table.Shared..])
                Require(own.Add(page) && !_tree.Contains(page), page, "is one sequence's own and in use elsewhere");
        }

        foreach (int lastPage in leases.LastPages)
        {
            for (int page = lastPage; page != PrefixTree.Root; page = _tree.ParentOf(page))
                leased[page]++;
        }

        HashSet<int> cached = [];
        for (int page = _cached.First; page >= 0; page = _cached.After(page))
        {
            Require(cached.Add(page), page, "is cached twice");
            Require(_tree.ParentOf(page) is var parent && !cached.Contains(parent), page, "would be evicted after its parent");
        }

        for (int page = 0; page < Total; page++)
        {
            Require(readers[page] == _readers[page] && leased[page] == _leases[page], page, "has a wrong count of readers or leases");
            Require(cached.Contains(page) == (_tree.Contains(page) && readers[page] + leased[page] == 0), page, "is wrongly cached, or wrongly not");
        }

        Require(own.Count + _tree.Count == pool.InUse && own.Count + readers.Count(count => count > 0) == Running, -1, "is lost");

        static void Require(bool holds, int page, string problem, [CallerArgumentExpression(nameof(holds))] string? condition = null)
        {
            if (!holds)
                throw new InvalidOperationException($"Page {page} {problem}: {condition} is false.");
        }
    }

    private PrefixMatch Match(ReadOnlySpan<int> tokens)
    {
        int page = PrefixTree.Root, pageCount = 0;
        while (true)
        {
            ReadOnlySpan<int> rest = tokens[(pageCount * PagePool.PageTokens)..];
            if (rest.IsEmpty)
                return new PrefixMatch(page, pageCount, 0, 0);
            (int child, int common) = _tree.Find(page, rest);
            if (common < PagePool.PageTokens)
                return new PrefixMatch(page, pageCount, child, common);
            (page, pageCount) = (child, pageCount + 1);
        }
    }

    /// <summary>Adds the pages from the root down to this one.</summary>
    private void AddPath(PageTable table, int page)
    {
        if (page == PrefixTree.Root)
            return;
        AddPath(table, _tree.ParentOf(page));
        AddReader(page);
        table.AddShared(page);
    }

    /// <summary>Puts the table's next page into the tree, or takes the one that is there already.</summary>
    private void Publish(PageTable table, ReadOnlySpan<int> computed, int count)
    {
        int parent = table.LastShared, page = table.Pages[table.Shared];
        ReadOnlySpan<int> tokens = computed.Slice(table.Shared * PagePool.PageTokens, count);
        (int known, int common) = _tree.Find(parent, tokens);
        if (common == count)
        {
            AddReader(known);
            table.Share(known);
            pool.Return(page);
            return;
        }

        if (_tree.FindBeginning(parent, tokens) is var beginning and >= 0 && _readers[beginning] + _leases[beginning] == 0)
            Forget(beginning);
        _tree.Insert(parent, page, tokens);
        _readers[page] = 1;
        table.Share(page);
    }

    private void Lease(int lastPage, string key)
    {
        if (leases.Return(key) is { } previous)
            Unlease(previous);
        for (int page = lastPage; page != PrefixTree.Root; page = _tree.ParentOf(page))
        {
            if (_leases[page]++ == 0 && _readers[page] == 0)
            {
                _cached.Remove(page);
                Leased++;
            }
        }

        leases.Add(key, lastPage);
    }

    private void Unlease(int lastPage)
    {
        for (int page = lastPage; page != PrefixTree.Root; page = _tree.ParentOf(page))
        {
            if (--_leases[page] == 0 && _readers[page] == 0)
            {
                _cached.AddLast(page);
                Leased--;
            }
        }
    }

    /// <summary>Ends leases until one of them has left a page behind.</summary>
    private void ReclaimLeases()
    {
        while (_cached.Count == 0 && leases.Count > 0)
            Unlease(leases.TakeLeastUseful());
    }

    private void Empty(PageTable table, bool forget)
    {
        while (table.Count > 0)
        {
            bool isShared = table.Count == table.Shared;
            int page = table.RemoveLast();
            if (!isShared)
                pool.Return(page);
            else if (RemoveReader(page) && forget && _tree.IsLeaf(page))
                Forget(page);
        }
    }

    private void AddReader(int page)
    {
        if (_readers[page]++ > 0)
            return;
        if (_leases[page] > 0)
            Leased--;
        else
            _cached.Remove(page);
    }

    /// <returns>True where the page is cached now.</returns>
    private bool RemoveReader(int page)
    {
        if (--_readers[page] > 0)
            return false;
        if (_leases[page] > 0)
        {
            Leased++;
            return false;
        }

        _cached.AddLast(page);
        return true;
    }

    private void Evict(int page)
    {
        Forget(page);
        Evictions++;
    }

    private void Forget(int page)
    {
        _cached.Remove(page);
        _tree.Remove(page);
        pool.Return(page);
    }
}
