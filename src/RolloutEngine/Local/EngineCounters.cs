using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Scheduling;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>Numbers that the loop writes and anyone may read. Each is current; together they may be a step apart.</summary>
internal sealed class EngineCounters
{
    private int _pagesInUse;
    private int _running;
    private int _waiting;
    private long _sampled;
    private long _prefilled;
    private long _steps;
    private long _preemptions;

    /// <summary>Counts a step of so many tokens and results.</summary>
    public void CountStep(int prefilled, int sampled)
    {
        Volatile.Write(ref _steps, _steps + 1);
        Volatile.Write(ref _prefilled, _prefilled + prefilled);
        Volatile.Write(ref _sampled, _sampled + sampled);
    }

    /// <summary>Takes over where the scheduler stands.</summary>
    public void Update(Scheduler scheduler, PagePool pool)
    {
        Volatile.Write(ref _pagesInUse, pool.InUse);
        Volatile.Write(ref _running, scheduler.Running);
        Volatile.Write(ref _waiting, scheduler.Waiting);
        Volatile.Write(ref _preemptions, scheduler.Preemptions);
    }

    public EngineStatistics Snapshot(int pagesTotal) => new(
        pagesTotal, Volatile.Read(ref _pagesInUse), Volatile.Read(ref _running), Volatile.Read(ref _waiting),
        Volatile.Read(ref _sampled), Volatile.Read(ref _prefilled), Volatile.Read(ref _steps), Volatile.Read(ref _preemptions));
}
