using System.Runtime.InteropServices;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>
/// Decides, in integers only, what each step computes: every running sequence's next token, and chunks of prompts in what is left of the
/// token budget. First come, first served: a sequence may take the pages of those that came later, never the reverse, so the oldest
/// always proceeds. Owned by the engine's loop.
/// </summary>
internal sealed class Scheduler(PagePool pool, int maxBatchTokens, int maxRunning)
{
    /// <summary>In order of arrival; whoever waits came later than whoever runs.</summary>
    private readonly List<Sequence> _running = new(maxRunning);
    private readonly LinkedList<Sequence> _waiting = [];
    private readonly List<ScheduledChunk> _chunks = new(maxRunning);

    public int Running => _running.Count;

    public int Waiting => _waiting.Count;

    public bool HasWork => Running + Waiting > 0;

    public long Preemptions { get; private set; }

    /// <summary>Queues a sequence that fits the pool.</summary>
    public void Add(Sequence sequence) => _waiting.AddLast(sequence.Node);

    /// <summary>Takes a sequence out, whether it runs or waits, and frees its pages.</summary>
    public void Remove(Sequence sequence)
    {
        sequence.ReleasePages(pool);
        sequence.IsClosed = true;
        if (!_running.Remove(sequence))
            _waiting.Remove(sequence.Node);
    }

    /// <summary>The oldest sequence, running or waiting.</summary>
    public Sequence? Oldest => _running.Count > 0 ? _running[0] : _waiting.First?.Value;

    /// <summary>Fills the batch of the next step. The chunks are valid until the next call.</summary>
    public ReadOnlySpan<ScheduledChunk> Schedule(ForwardBatch batch)
    {
        batch.Clear();
        _chunks.Clear();
        long preemptionsBefore = Preemptions;
        int decodes = CountDecodes();
        for (int i = 0; i < _running.Count; i++)
        {
            Sequence sequence = _running[i];
            bool isDecode = sequence.Pending == 1;
            decodes -= isDecode ? 1 : 0;
            int budget = maxBatchTokens - batch.TokenCount;
            Place(batch, sequence, Math.Min(sequence.Pending, isDecode ? budget : budget - decodes));
        }

        if (Preemptions == preemptionsBefore)
            Admit(batch);
        return CollectionsMarshal.AsSpan(_chunks);
    }

    /// <summary>Throws where pages are lost, shared between sequences, or too few for what was computed.</summary>
    public void CheckIntegrity()
    {
        pool.CheckIntegrity();
        HashSet<int> held = [];
        foreach (Sequence sequence in _running)
        {
            foreach (int page in sequence.Pages)
            {
                if (!held.Add(page))
                    throw new InvalidOperationException($"Page {page} is held twice, the second time by '{sequence.Id}'.");
            }

            if (PagePool.PagesFor(sequence.Computed) > sequence.PageCount)
                throw new InvalidOperationException($"'{sequence.Id}' computed {sequence.Computed} tokens in {sequence.PageCount} pages.");
        }

        if (held.Count != pool.InUse || _waiting.Any(sequence => sequence.PageCount > 0))
            throw new InvalidOperationException($"Running sequences hold {held.Count} of the {pool.InUse} pages in use.");
    }

    private int CountDecodes()
    {
        int decodes = 0;
        foreach (Sequence sequence in _running)
            decodes += sequence.Pending == 1 ? 1 : 0;
        return decodes;
    }

    /// <summary>Adds up to <paramref name="wanted"/> tokens of a running sequence, as many as find room.</summary>
    private void Place(ForwardBatch batch, Sequence sequence, int wanted)
    {
        if (wanted <= 0)
            return;
        while (pool.Free < PagesMissing(sequence, wanted) && _running[^1] != sequence)
            Preempt(_running[^1]);
        int room = (sequence.PageCount + pool.Free) * PagePool.PageTokens - sequence.Computed;
        int tokens = Math.Min(wanted, room);
        if (tokens <= 0)
            return;

        for (int missing = PagesMissing(sequence, tokens); missing > 0; missing--)
            sequence.AddPage(pool.Take());
        sequence.Clock.Scheduled();
        _chunks.Add(new ScheduledChunk(sequence, tokens, sequence.AddTo(batch, tokens)));
    }

    /// <summary>Starts those that wait, while pages for all of their tokens are there beside what running sequences still need.</summary>
    private void Admit(ForwardBatch batch)
    {
        while (_waiting.First is { Value: Sequence sequence } && _running.Count < maxRunning && batch.TokenCount < maxBatchTokens)
        {
            if (PagePool.PagesFor(sequence.Target) > pool.Free - PagesPromised())
                return;
            _waiting.RemoveFirst();
            _running.Add(sequence);
            sequence.Admit();
            Place(batch, sequence, Math.Min(sequence.Pending, maxBatchTokens - batch.TokenCount));
        }
    }

    private void Preempt(Sequence sequence)
    {
        sequence.ReleasePages(pool);
        _running.RemoveAt(_running.Count - 1);
        _waiting.AddFirst(sequence.Node);
        Preemptions++;
    }

    private int PagesPromised()
    {
        int pages = 0;
        foreach (Sequence sequence in _running)
            pages += PagesMissing(sequence, sequence.Pending);
        return pages;
    }

    private static int PagesMissing(Sequence sequence, int tokens) =>
        Math.Max(0, PagePool.PagesFor(sequence.Computed + tokens) - sequence.PageCount);
}
