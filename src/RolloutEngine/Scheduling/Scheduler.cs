using System.Runtime.InteropServices;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>
/// Decides, in integers only, what each step computes: every running sequence's next token, and chunks of prompts in what is left of the
/// token budget. Running sequences are ranked by priority, then by when they were first admitted; one may take the pages of those behind it,
/// never the reverse, and whoever lost its pages returns before anyone new comes in. So the first always proceeds, and everybody becomes
/// the first. Owned by the engine's loop.
/// </summary>
internal sealed class Scheduler(PrefixCache cache, EngineOptions options)
{
    private readonly List<Sequence> _running = new(options.MaxRunningSequences);

    /// <summary>Those without their pages, in the same order.</summary>
    private readonly List<Sequence> _preempted = new(options.MaxRunningSequences);
    private readonly FairQueue _waiting = new();
    private readonly DeadlineQueue _deadlines = new();
    private readonly SiblingGate _siblings = new(options.PrefixCache && options.SiblingScheduling);
    private readonly List<ScheduledChunk> _chunks = new(options.MaxRunningSequences);
    private long _arrivals;
    private long _admissions;

    public int Running => _running.Count;

    public int Waiting => _preempted.Count + _waiting.Count;

    /// <summary>Admitted at some time and not ended.</summary>
    public int Started => _running.Count + _preempted.Count;

    /// <summary>While true nobody new is admitted; those that were go on.</summary>
    public bool AdmitsNobody { get; set; }

    public bool HasWork => Started > 0 || (_waiting.Count > 0 && !AdmitsNobody);

    public long Preemptions { get; private set; }

    /// <summary>Queues a sequence that fits the pool.</summary>
    public void Add(Sequence sequence)
    {
        sequence.Arrival = _arrivals++;
        _waiting.Enqueue(sequence);
        _deadlines.Add(sequence);
    }

    /// <summary>The first deadline of those that have not ended; null where none has one.</summary>
    public DateTimeOffset? NextDeadline => _deadlines.Next;

    /// <summary>A sequence that has not ended and whose deadline has come; null where there is none.</summary>
    public Sequence? Due(DateTimeOffset now) => _deadlines.Due(now);

    /// <summary>Takes a sequence out, whether it runs or waits. What it computed stays in the cache, and is leased to it where it ended by itself.</summary>
    public void Remove(Sequence sequence, bool isFinished = false)
    {
        cache.Release(sequence.Pages, sequence.ComputedTokens, isFinished ? sequence.CacheKey : null);
        Close(sequence);
    }

    /// <summary>Takes a sequence out that led to a failure; nothing of it is kept.</summary>
    public void Discard(Sequence sequence)
    {
        cache.Discard(sequence.Pages);
        Close(sequence);
    }

    /// <summary>A sequence that has not ended; null where there is none.</summary>
    public Sequence? Any => _running.Count > 0 ? _running[0] : _preempted.Count > 0 ? _preempted[0] : _waiting.Any();

    /// <summary>Sequences that were admitted and have not ended.</summary>
    public Sequence[] AllStarted() => [.. _running, .. _preempted];

    /// <summary>Fills the batch of the next step. The chunks are valid until the next call.</summary>
    public ReadOnlySpan<ScheduledChunk> Schedule(ForwardBatch batch)
    {
        batch.Clear();
        _chunks.Clear();
        cache.EndExpiredLeases();
        long preemptionsBefore = Preemptions;
        StepBudget budget = new(options, CountDecodes());
        for (int i = 0; i < _running.Count; i++)
        {
            Sequence sequence = _running[i];
            Place(batch, sequence, budget.For(sequence.Pending), ref budget);
        }

        budget.EndDecodes();
        if (Preemptions == preemptionsBefore)
            Admit(batch, ref budget);
        return CollectionsMarshal.AsSpan(_chunks);
    }

    /// <summary>Notes that a chunk is computed; its full pages become known to others.</summary>
    public void Advance(in ScheduledChunk chunk)
    {
        Sequence sequence = chunk.Sequence;
        int pagesBefore = sequence.Computed / PagePool.PageTokens;
        sequence.Advance(chunk.Tokens);
        if (sequence.Computed / PagePool.PageTokens > pagesBefore)
            cache.Publish(sequence.Pages, sequence.ComputedTokens);
    }

    /// <summary>Takes the pages of all running sequences; they compute what is not cached again when they return.</summary>
    public void PreemptAll()
    {
        while (_running.Count > 0)
            Preempt(_running[^1]);
    }

    /// <summary>Takes the pages of a sequence, if it runs.</summary>
    public void Preempt(Sequence sequence)
    {
        if (!sequence.IsRunning)
            return;
        cache.Release(sequence.Pages, sequence.ComputedTokens, leaseKey: null);
        sequence.Forget();
        _running.Remove(sequence);
        sequence.IsRunning = false;
        sequence.Output.HandOver();
        InsertByRank(_preempted, sequence);
        Preemptions++;
    }

    /// <summary>Throws where pages are lost, written on by two sequences, or too few for what was computed.</summary>
    public void CheckIntegrity()
    {
        cache.CheckIntegrity(_running.Select(sequence => sequence.Pages));
        foreach (Sequence sequence in _running)
        {
            if (PagePool.PagesFor(sequence.Computed) > sequence.Pages.Count)
                throw new InvalidOperationException($"'{sequence.Id}' computed {sequence.Computed} tokens in {sequence.Pages.Count} pages.");
        }

        if (_preempted.Find(sequence => sequence.Pages.Count > 0 || sequence.Computed > 0) is { } holder)
            throw new InvalidOperationException($"'{holder.Id}' waits and holds {holder.Pages.Count} pages.");
    }

    private int CountDecodes()
    {
        int decodes = 0;
        foreach (Sequence sequence in _running)
            decodes += sequence.Pending == 1 ? 1 : 0;
        return decodes;
    }

    /// <summary>Adds up to <paramref name="wanted"/> tokens of a running sequence, as many as find room.</summary>
    private void Place(ForwardBatch batch, Sequence sequence, int wanted, ref StepBudget budget)
    {
        if (wanted <= 0)
            return;
        while (cache.Available < PagesMissing(sequence, wanted) && _running[^1] != sequence)
            Preempt(_running[^1]);
        int room = (sequence.Pages.Count + cache.Available) * PagePool.PageTokens - sequence.Computed;
        int tokens = Math.Min(wanted, room);
        if (tokens <= 0)
            return;

        for (int missing = PagesMissing(sequence, tokens); missing > 0; missing--)
            sequence.Pages.Add(cache.Take());
        budget.Spend(sequence.Pending, tokens);
        sequence.Flow!.Charge(tokens);
        sequence.Clock.Scheduled();
        _chunks.Add(new ScheduledChunk(sequence, tokens, sequence.AddTo(batch, tokens)));
    }

    private void Admit(ForwardBatch batch, ref StepBudget budget)
    {
        while (_running.Count < options.MaxRunningSequences && budget.ForPrompts > 0 && NextToAdmit() is { } sequence)
        {
            if (!TryAdmit(batch, sequence))
                return;
            Place(batch, sequence, budget.For(sequence.Pending), ref budget);
        }
    }

    private Sequence? NextToAdmit() =>
        _preempted.Count > 0 ? _preempted[0] : AdmitsNobody ? null : _waiting.Next(_siblings, _running);

    /// <summary>Lets a sequence run if, beside what running ones are about to need, there are pages for all of its tokens.</summary>
    private bool TryAdmit(ForwardBatch batch, Sequence sequence)
    {
        int promised = PagesPromised();
        sequence.Reserve();
        PrefixMatch match = cache.Attach(sequence.Pages, sequence.Known[..sequence.Reusable]);
        if (PagePool.PagesFor(sequence.Target) - match.PageCount > cache.Available - promised)
        {
            cache.Release(sequence.Pages, sequence.Known[..(match.PageCount * PagePool.PageTokens)], leaseKey: null);
            return false;
        }

        cache.Attached(match, sequence.CacheKey);
        if (match.PartialTokens > 0)
        {
            sequence.Pages.Add(cache.Take());
            batch.AddCopy(match.PartialPage, sequence.Pages.Pages[^1]);
        }

        sequence.Advance(match.Tokens);
        if (sequence.Rank is null)
        {
            _waiting.Dequeue(sequence);
            sequence.Rank = _admissions++;
            sequence.CachedTokens = match.Tokens;
        }
        else
        {
            _preempted.Remove(sequence);
        }

        InsertByRank(_running, sequence);
        sequence.IsRunning = true;
        return true;
    }

    private void Close(Sequence sequence)
    {
        _ = sequence.IsRunning ? _running.Remove(sequence) : _preempted.Remove(sequence);
        sequence.IsRunning = false;
        sequence.IsClosed = true;
        _waiting.Leave(sequence);
        _deadlines.Remove(sequence);
    }

    private static void InsertByRank(List<Sequence> list, Sequence sequence)
    {
        int index = list.Count;
        while (index > 0 && sequence.IsBefore(list[index - 1]))
            index--;
        list.Insert(index, sequence);
    }

    /// <summary>Pages that running sequences need for what they already know, and one more for each, so that they do not take each other's at once.</summary>
    private int PagesPromised()
    {
        int pages = 0;
        foreach (Sequence sequence in _running)
            pages += PagesMissing(sequence, sequence.Pending) + 1;
        return pages;
    }

    private static int PagesMissing(Sequence sequence, int tokens) =>
        Math.Max(0, PagePool.PagesFor(sequence.Computed + tokens) - sequence.Pages.Count);
}
