namespace AgentRollout.RolloutEngine.Cache;

/// <summary>The pages of one sequence, in order. The first <see cref="Shared"/> of them are in the prefix tree and may have other readers, who never write; the rest is the sequence's own.</summary>
internal sealed class PageTable
{
    private int[] _pages = [];

    public int Count { get; private set; }

    /// <summary>Leading pages that are in the prefix tree.</summary>
    public int Shared { get; private set; }

    public ReadOnlySpan<int> Pages => _pages.AsSpan(0, Count);

    /// <summary>The deepest page in the tree, <see cref="PrefixTree.Root"/> where there is none.</summary>
    public int LastShared => Shared == 0 ? PrefixTree.Root : _pages[Shared - 1];

    /// <summary>Makes room for a sequence that will never hold more pages.</summary>
    public void Reserve(int capacity)
    {
        if (_pages.Length < capacity)
            Array.Resize(ref _pages, capacity);
    }

    /// <summary>Adds a page of the sequence's own.</summary>
    public void Add(int page) => _pages[Count++] = page;

    /// <summary>Takes the next page as the tree's, which may have been known there by another id.</summary>
    public void Share(int page) => _pages[Shared++] = page;

    /// <summary>Adds a page of the tree; only while there are no others.</summary>
    public void AddShared(int page)
    {
        Add(page);
        Shared++;
    }

    /// <summary>Takes the last page out.</summary>
    public int RemoveLast()
    {
        Shared = Math.Min(Shared, Count - 1);
        return _pages[--Count];
    }
}
