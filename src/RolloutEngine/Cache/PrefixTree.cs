namespace AgentRollout.RolloutEngine.Cache;

/// <summary>
/// Which page holds the keys and values of which tokens behind which prefix: a radix tree whose nodes are pages, so that a page's id is its
/// node. A full page may have children; a page with fewer tokens, the end of a sequence, is a leaf. Integers in flat arrays only.
/// </summary>
internal sealed class PrefixTree
{
    /// <summary>The parent of pages that begin a sequence.</summary>
    public const int Root = -1;

    private const int None = -1;
    private const int PageTokens = PagePool.PageTokens;

    private readonly int[] _tokens; // [page][16]
    private readonly int[] _length; // [page], 0 for a page that is not in the tree
    private readonly int[] _parent;
    private readonly int[] _firstChild;
    private readonly int[] _next;
    private readonly int[] _previous;
    private int _firstOfRoot = None;

    public PrefixTree(int pageCount)
    {
        _tokens = new int[pageCount * PageTokens];
        _length = new int[pageCount];
        _parent = new int[pageCount];
        _firstChild = new int[pageCount];
        _next = new int[pageCount];
        _previous = new int[pageCount];
    }

    /// <summary>Pages in the tree.</summary>
    public int Count { get; private set; }

    public bool Contains(int page) => _length[page] > 0;

    public int ParentOf(int page) => _parent[page];

    public bool IsLeaf(int page) => _firstChild[page] == None;

    /// <summary>Tokens of a page, 1 to 16.</summary>
    public ReadOnlySpan<int> TokensOf(int page) => _tokens.AsSpan(page * PageTokens, _length[page]);

    /// <summary>The child that agrees with most of the tokens.</summary>
    /// <returns>The child, and how many of the tokens it begins with; no tokens where none agrees with the first.</returns>
    public (int Page, int Tokens) Find(int parent, ReadOnlySpan<int> tokens)
    {
        (int Page, int Tokens) best = (None, 0);
        if (tokens.Length > PageTokens)
            tokens = tokens[..PageTokens];
        for (int child = FirstChildOf(parent); child != None && best.Tokens < tokens.Length; child = _next[child])
        {
            if (_tokens[child * PageTokens] != tokens[0])
                continue;
            int common = TokensOf(child).CommonPrefixLength(tokens);
            if (common > best.Tokens)
                best = (child, common);
        }

        return best;
    }

    /// <summary>A leaf below the parent whose tokens are a proper beginning of these, so that a page with these makes it needless; -1 where there is none.</summary>
    public int FindBeginning(int parent, ReadOnlySpan<int> tokens)
    {
        for (int child = FirstChildOf(parent); child != None; child = _next[child])
        {
            if (_length[child] < tokens.Length && tokens.StartsWith(TokensOf(child)))
                return child;
        }

        return None;
    }

    public void Insert(int parent, int page, ReadOnlySpan<int> tokens)
    {
        tokens.CopyTo(_tokens.AsSpan(page * PageTokens));
        (_length[page], _parent[page], _firstChild[page]) = (tokens.Length, parent, None);
        int first = FirstChildOf(parent);
        (_previous[page], _next[page]) = (None, first);
        if (first != None)
            _previous[first] = page;
        SetFirstChild(parent, page);
        Count++;
    }

    /// <summary>Takes a leaf out.</summary>
    public void Remove(int page)
    {
        (int previous, int next) = (_previous[page], _next[page]);
        if (previous == None)
            SetFirstChild(_parent[page], next);
        else
            _next[previous] = next;
        if (next != None)
            _previous[next] = previous;
        _length[page] = 0;
        Count--;
    }

    private int FirstChildOf(int parent) => parent == Root ? _firstOfRoot : _firstChild[parent];

    private void SetFirstChild(int parent, int child)
    {
        if (parent == Root)
            _firstOfRoot = child;
        else
            _firstChild[parent] = child;
    }
}
