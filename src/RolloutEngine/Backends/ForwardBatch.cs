namespace AgentRollout.RolloutEngine.Backends;

/// <summary>
/// The integers of one step, in flat arrays that are filled anew each time: tokens grouped by sequence in order of position.
/// </summary>
internal sealed class ForwardBatch(int maxTokens)
{
    private readonly int[] _tokenIds = new int[maxTokens];
    private readonly int[] _positions = new int[maxTokens];
    private readonly int[] _sequenceOf = new int[maxTokens];
    private readonly int[] _pageTableStarts = new int[maxTokens];
    private readonly OutputRow[] _outputs = new OutputRow[maxTokens];
    private int[] _pageTables = new int[1024];
    private (int From, int To)[] _copies = new (int, int)[16];
    private int _pageTableLength;
    private int _sequenceCount;
    private int _outputCount;
    private int _copyCount;

    public int TokenCount { get; private set; }

    /// <summary>[token]</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, TokenCount);

    /// <summary>[token] place in the sequence, from 0.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, TokenCount);

    /// <summary>[token] which sequence of the batch it belongs to, from 0.</summary>
    public ReadOnlySpan<int> SequenceOf => _sequenceOf.AsSpan(0, TokenCount);

    public ReadOnlySpan<OutputRow> Outputs => _outputs.AsSpan(0, _outputCount);

    /// <summary>The pages of a token's sequence: position p is slot p mod 16 of page p / 16.</summary>
    public ReadOnlySpan<int> PagesOf(int token) => _pageTables.AsSpan(_pageTableStarts[_sequenceOf[token]]);

    /// <summary>Pages to copy, in this order, before anything is computed.</summary>
    public ReadOnlySpan<(int From, int To)> Copies => _copies.AsSpan(0, _copyCount);

    public void Clear() => TokenCount = _sequenceCount = _outputCount = _pageTableLength = _copyCount = 0;

    public void AddCopy(int from, int to)
    {
        if (_copyCount == _copies.Length)
            Array.Resize(ref _copies, 2 * _copyCount);
        _copies[_copyCount++] = (from, to);
    }

    /// <summary>The tokens added next belong to a sequence with these pages.</summary>
    public void BeginSequence(ReadOnlySpan<int> pages)
    {
        while (_pageTableLength + pages.Length > _pageTables.Length)
            Array.Resize(ref _pageTables, 2 * _pageTables.Length);
        _pageTableStarts[_sequenceCount++] = _pageTableLength;
        pages.CopyTo(_pageTables.AsSpan(_pageTableLength));
        _pageTableLength += pages.Length;
    }

    public void AddToken(int token, int position)
    {
        _tokenIds[TokenCount] = token;
        _positions[TokenCount] = position;
        _sequenceOf[TokenCount++] = _sequenceCount - 1;
    }

    /// <summary>Wants what follows the token added last.</summary>
    public void AddOutput(
        SamplingParams sampling, ulong seed, int? forced, TokenHistory? history = null, SampleDetails? details = null, int sample = 0) =>
        _outputs[_outputCount++] = new OutputRow(TokenCount - 1, sampling, seed, _positions[TokenCount - 1] + 1, forced, history, details, sample);
}
