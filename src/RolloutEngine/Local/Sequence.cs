using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>
/// One request's tokens and pages, owned by the engine's loop. Tokens up to <see cref="Computed"/> have keys and values in the pages;
/// a preempted sequence loses its pages but none of its tokens, and computes them again.
/// </summary>
internal sealed class Sequence
{
    private readonly ReadOnlyMemory<int> _given;
    private readonly int[] _stopTokenIds;
    private readonly int _resultCapacity;
    private readonly bool _scoring;
    private int[] _tokens = [];
    private int[] _pages = [];
    private int _nextOutput;
    private int _results;

    private Sequence(string id, ReadOnlyMemory<int> given, SamplingParams sampling, ulong seed, int[] stopTokenIds, int resultCapacity, bool scoring)
    {
        (Id, _given, Sampling, Seed, _stopTokenIds, _resultCapacity, _scoring) = (id, given, sampling, seed, stopTokenIds, resultCapacity, scoring);
        Count = given.Length;
        _nextOutput = scoring ? 0 : Count - 1;
        Node = new LinkedListNode<Sequence>(this);
    }

    public string Id { get; }

    public SamplingParams Sampling { get; }

    public ulong Seed { get; }

    public SequenceOutput Output { get; } = new();

    public SequenceClock Clock { get; } = new();

    /// <summary>Its place in the queue; kept so that queueing again allocates nothing.</summary>
    public LinkedListNode<Sequence> Node { get; }

    /// <summary>Known tokens, given and sampled.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens whose keys and values are in the pages.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens to compute before the next result; the last of a scored sequence predicts nothing that is wanted.</summary>
    public int Target => _scoring ? Count - 1 : Count;

    public int Pending => Target - Computed;

    public int PageCount { get; private set; }

    public ReadOnlySpan<int> Pages => _pages.AsSpan(0, PageCount);

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>True once it has ended or was taken out, so that a late cancellation finds nothing to do.</summary>
    public bool IsClosed { get; set; }

    /// <summary>A sequence that samples what follows its tokens.</summary>
    public static Sequence ToGenerate(GenerationRequest request) =>
        new(request.Id, request.Tokens, request.Sampling, request.Seed, [.. request.StopTokenIds], request.MaxNewTokens, scoring: false);

    /// <summary>A sequence that reports the log-probabilities of its own tokens from the second on.</summary>
    public static Sequence ToScore(string id, ReadOnlyMemory<int> tokens, SamplingParams sampling) =>
        new(id, tokens, sampling, seed: 0, [], tokens.Length - 1, scoring: true);

    /// <summary>Makes room; called when the sequence is admitted, which may be more than once.</summary>
    public void Admit()
    {
        if (_tokens.Length > 0)
            return;
        _tokens = new int[_given.Length + (_scoring ? 0 : _resultCapacity)];
        _given.Span.CopyTo(_tokens);
        _pages = new int[PagePool.PagesFor(_tokens.Length)];
        Output.Reserve(_resultCapacity, Sampling.IsRaw);
    }

    public void AddPage(int page) => _pages[PageCount++] = page;

    /// <summary>Gives all pages back; everything has to be computed again.</summary>
    public void ReleasePages(PagePool pool)
    {
        while (PageCount > 0)
            pool.Return(_pages[--PageCount]);
        Computed = 0;
    }

    /// <summary>Puts the next tokens into a batch, and asks for the results that are still missing.</summary>
    /// <returns>The number of results that the batch will give.</returns>
    public int AddTo(ForwardBatch batch, int count)
    {
        int outputs = 0;
        batch.BeginSequence(Pages);
        for (int position = Computed; position < Computed + count; position++)
        {
            batch.AddToken(_tokens[position], position);
            if (position < _nextOutput)
                continue;
            batch.AddOutput(Sampling, Seed, position + 1 < Count ? _tokens[position + 1] : null);
            outputs++;
        }

        return outputs;
    }

    /// <summary>Notes that the tokens of a batch are computed.</summary>
    public void Advance(int count) => Computed += count;

    /// <summary>Takes a result in; returns why the sequence ends with it, or null.</summary>
    public FinishReason? Accept(SampledToken result)
    {
        _results++;
        _nextOutput++;
        if (!_scoring)
            _tokens[Count++] = result.Token;
        FinishReason? finish = Array.IndexOf(_stopTokenIds, result.Token) >= 0 ? FinishReason.Stop
            : _results == _resultCapacity ? FinishReason.Length
            : null;
        Output.Append(result, finish is { } reason ? new SequenceOutput.Ending(_results, reason, Clock.Timings()) : null);
        return finish;
    }
}
