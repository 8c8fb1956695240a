using System.Collections.Frozen;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Scheduling;

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
    private readonly int[] _starts;
    private readonly int[][] _stopSequences;
    private readonly DetailsWanted _wanted;
    private readonly int _firstOutput;
    private readonly int _sampledBefore;
    private TokenHistory? _history;
    private SampleDetails? _details;
    private int[] _tokens = [];
    private int _nextOutput;
    private int _results;

    private Sequence(GenerationRequest request)
    {
        (Id, _given, Sampling, Seed) = (request.Id, request.Tokens, request.Sampling, request.Seed);
        (Priority, FairnessKey, GroupKey, CacheKey) = (request.Priority, request.FairnessKey, request.GroupKey, request.CacheKey);
        (_stopTokenIds, _stopSequences) = ([.. request.StopTokenIds], [.. request.StopSequences.Select(sequence => sequence.ToArray())]);
        _wanted = new DetailsWanted(request.TopLogprobs, [.. request.WatchedTokenIds], request.ReturnUnfilteredLogprobs, request.ReturnKeptTokens);
        _resultCapacity = request.MaxNewTokens;
        (OnInterrupt, Deadline) = (request.OnInterrupt, request.Deadline);
        Output = new SequenceOutput(holdsBack: OnInterrupt == InterruptPolicy.Restart);
        Count = _given.Length;
        _sampledBefore = request.SampledBefore;
        _starts = [Count - _sampledBefore];
        _nextOutput = _firstOutput = Count - 1;
        Node = new LinkedListNode<Sequence>(this);
    }

    private Sequence(string id, ScoreRequest request)
    {
        (Id, _given, Sampling, FairnessKey) = (id, request.Tokens, request.Sampling, "");
        (_starts, _stopTokenIds, _stopSequences) = ([.. request.Starts], [.. request.StopTokenIds], []);
        Output = new SequenceOutput(holdsBack: false);
        Count = _given.Length;
        _nextOutput = _firstOutput = request.From - 1;
        _resultCapacity = Count - request.From;
        _wanted = new DetailsWanted(request.TopLogprobs, [.. request.WatchedTokenIds]);
        _scoring = true;
        Node = new LinkedListNode<Sequence>(this);
    }

    public string Id { get; }

    public SamplingParams Sampling { get; }

    public ulong Seed { get; }

    public int Priority { get; }

    public string FairnessKey { get; }

    public string? GroupKey { get; }

    public string? CacheKey { get; }

    public InterruptPolicy OnInterrupt { get; }

    /// <summary>When it ends in any case.</summary>
    public DateTimeOffset? Deadline { get; }

    public SequenceOutput Output { get; }

    public SequenceClock Clock { get; } = new();

    public PageTable Pages { get; } = new();

    /// <summary>Its place in the queue; kept so that queueing allocates nothing.</summary>
    public LinkedListNode<Sequence> Node { get; }

    /// <summary>Whose turn it takes; set by the queue.</summary>
    public Flow? Flow { get; set; }

    /// <summary>The sequence that computes what this one begins with, and how many tokens that is; set while it waits for that.</summary>
    public Sequence? Leader { get; set; }

    public int SharedWithLeader { get; set; }

    /// <summary>When it was queued, as a number; set by the scheduler.</summary>
    public long Arrival { get; set; }

    /// <summary>When it was first admitted, as a number; null before.</summary>
    public long? Rank { get; set; }

    /// <summary>Whether it has pages and is part of every step.</summary>
    public bool IsRunning { get; set; }

    /// <summary>True once it has ended or was taken out, so that a late cancellation finds nothing to do.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Known tokens, given and sampled.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens whose keys and values are in the pages.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens that were found computed when it was first admitted.</summary>
    public int CachedTokens { get; set; }

    /// <summary>Tokens to compute before the next result; the last of a scored sequence predicts nothing that is wanted.</summary>
    public int Target => _scoring ? Count - 1 : Count;

    public int Pending => Target - Computed;

    /// <summary>Leading tokens that need not be computed if their keys and values are at hand: what they predict is not wanted, or known.</summary>
    public int Reusable => _nextOutput;

    public ReadOnlySpan<int> Known => (_tokens.Length > 0 ? _tokens : _given.Span)[..Count];

    public ReadOnlySpan<int> ComputedTokens => Known[..Computed];

    /// <summary>A sequence that samples what follows its tokens.</summary>
    public static Sequence ToGenerate(GenerationRequest request) => new(request);

    /// <summary>A sequence that reports the log-probabilities of its own tokens from the second on.</summary>
    public static Sequence ToScore(string id, ScoreRequest request) => new(id, request);

    /// <summary>Whether it may take pages from the other.</summary>
    public bool IsBefore(Sequence other) => Priority > other.Priority || (Priority == other.Priority && Rank < other.Rank);

    /// <summary>Makes room for all tokens, pages and results; called before the sequence first gets a page, and again without effect.</summary>
    public void Reserve()
    {
        if (_tokens.Length > 0)
            return;
        int[] tokens = new int[_given.Length + (_scoring ? 0 : _resultCapacity)];
        _given.Span.CopyTo(tokens);
        _tokens = tokens;
        Pages.Reserve(PagePool.PagesFor(tokens.Length));
        if (Sampling.ChangesLogits)
            _history = new TokenHistory(tokens, _starts, [.. Sampling.LogitBias ?? FrozenDictionary<int, float>.Empty], _stopTokenIds);
        if (!_wanted.IsNothing)
            _details = new SampleDetails(_resultCapacity, _wanted);
        Output.Reserve(_resultCapacity, Sampling.IsRaw, _details);
    }

    /// <summary>Puts the next tokens into a batch, and asks for the results that are still missing.</summary>
    /// <returns>The number of results that the batch will give.</returns>
    public int AddTo(ForwardBatch batch, int count)
    {
        int outputs = 0;
        batch.BeginSequence(Pages.Pages);
        for (int position = Computed; position < Computed + count; position++)
        {
            batch.AddToken(_tokens[position], position);
            if (position < _nextOutput)
                continue;
            batch.AddOutput(Sampling, Seed, position + 1 < Count ? _tokens[position + 1] : null, _history, _details, _results + outputs);
            outputs++;
        }

        return outputs;
    }

    /// <summary>Notes that the next tokens have their keys and values in the pages.</summary>
    public void Advance(int count) => Computed += count;

    /// <summary>Notes that the pages are gone.</summary>
    public void Forget() => Computed = 0;

    /// <summary>Forgets all that was sampled; the pages are gone already, and nobody has seen the results.</summary>
    public void Restart()
    {
        Count = _given.Length;
        _nextOutput = _firstOutput;
        _results = 0;
        Output.Clear();
    }

    /// <summary>Ends with what was sampled so far.</summary>
    public void End(FinishReason reason, long weightVersion)
    {
        // One that never ran has an empty result of the same parts.
        Reserve();
        Output.End(EndingBy(reason), weightVersion);
    }

    /// <summary>Takes a result in; returns why the sequence ends with it, or null.</summary>
    public FinishReason? Accept(SampledToken result, long weightVersion)
    {
        _results++;
        _nextOutput++;
        if (!_scoring)
            _tokens[Count++] = result.Token;
        FinishReason? finish = !_scoring && IsStopped(result.Token) ? FinishReason.Stop
            : _results == _resultCapacity ? FinishReason.Length
            : null;
        Output.Append(result, weightVersion, finish is { } reason ? EndingBy(reason) : null);
        return finish;
    }

    private SequenceOutput.Ending EndingBy(FinishReason reason) => new(_results, reason, Clock.Timings(), CachedTokens);

    private bool IsStopped(int token)
    {
        if (Array.IndexOf(_stopTokenIds, token) >= 0)
            return true;
        foreach (int[] sequence in _stopSequences)
        {
            if (Known[^(_results + _sampledBefore)..].EndsWith(sequence))
                return true;
        }

        return false;
    }
}
