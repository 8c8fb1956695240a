using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// A fixed set of threads that compute one region together, the caller being the first of them. A region is a series of phases of items; a
/// phase is over when its items are done, whoever did them. A worker that the system lets wait holds nobody up unless it has an item in
/// hand, which is what counts on a machine that is shared. Which worker computes an item never changes its result.
/// </summary>
internal sealed class WorkerSet : IDisposable
{
    /// <summary>About 50 µs: longer than the gap between two steps, shorter than anyone minds.</summary>
    private const int SpinsBeforeParking = 1000;

    private const int SpinsBeforeYielding = 100;

    private readonly Worker[] _workers;
    private readonly Thread[] _threads;
    private Counters _counters;
    private Action<Worker>? _region;
    private Exception? _failure;
    private volatile bool _disposed;

    public WorkerSet(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        _workers = [.. Enumerable.Range(0, count).Select(index => new Worker(this, index))];
        _threads = [.. _workers.Skip(1).Select(StartThread)];
    }

    public int Count => _workers.Length;

    /// <summary>Runs the region on up to <paramref name="active"/> workers and returns when it is done and all of them have left it.</summary>
    public void Run(Action<Worker> region, int active)
    {
        _region = region;
        _counters.Ticket = 0;
        _counters.Completed = 0;
        for (int i = 1; i < active; i++)
            _workers[i].Start();
        RunRegion(_workers[0]);
        for (int i = 1; i < active; i++)
            _workers[i].Recall();
        if (_failure is { } failure)
            throw new InvalidOperationException($"A worker of the CPU engine failed: {failure.Message}", failure);
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (Worker worker in _workers.AsSpan(1))
            worker.Start();
        foreach (Thread thread in _threads)
            thread.Join();
        foreach (Worker worker in _workers)
            worker.Dispose();
    }

    private Thread StartThread(Worker worker)
    {
        Thread thread = new(() => Serve(worker)) { IsBackground = true, Name = $"engine worker {worker.Index}" };
        thread.Start();
        return thread;
    }

    private void Serve(Worker worker)
    {
        while (true)
        {
            worker.AwaitStart();
            if (_disposed)
                return;
            RunRegion(worker);
            worker.Leave();
        }
    }

    private void RunRegion(Worker worker)
    {
        try
        {
            worker.Begin();
            _region!(worker);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
        }
    }

    /// <summary>One member of the set, as the region sees it.</summary>
    public sealed class Worker(WorkerSet set, int index) : IDisposable
    {
        private const int Idle = 0;
        private const int Requested = 1;
        private const int Inside = 2;

        private readonly SemaphoreSlim _wake = new(0);
        private int _state;
        private int _parked;
        private int _phase;
        private int _claimed;

        public int Index => index;

        /// <summary>
        /// Claims the next of the <paramref name="count"/> items of the phase, at least one. Once none is left it waits until all are done
        /// and returns false; the next call is the first of the next phase.
        /// </summary>
        public bool Next(int count, out int item)
        {
            long ticket = Volatile.Read(ref set._counters.Ticket);
            while ((int)(ticket >> 32) == _phase && (item = (int)ticket) < count)
            {
                long seen = Interlocked.CompareExchange(ref set._counters.Ticket, ticket + 1, ticket);
                if (seen == ticket)
                {
                    _claimed++;
                    return true;
                }

                ticket = seen;
            }

            item = -1;
            EndPhase(count);
            return false;
        }

        public void Dispose() => _wake.Dispose();

        internal void Begin() => _phase = _claimed = 0;

        /// <summary>Lets a waiting worker go; called by the set's owner.</summary>
        internal void Start()
        {
            Volatile.Write(ref _state, Requested);
            if (Interlocked.Exchange(ref _parked, 0) == 1)
                _wake.Release();
        }

        /// <summary>Returns once the worker is out of the region; one that never came in no longer needs to.</summary>
        internal void Recall()
        {
            if (Interlocked.CompareExchange(ref _state, Idle, Requested) == Requested)
                return;
            SpinWait spin = default;
            while (Volatile.Read(ref _state) != Idle)
                spin.SpinOnce(sleep1Threshold: -1);
        }

        internal void Leave() => Volatile.Write(ref _state, Idle);

        internal void AwaitStart()
        {
            while (true)
            {
                for (int spins = 0; spins < SpinsBeforeParking; spins++)
                {
                    if (TryEnter())
                        return;
                    Thread.SpinWait(10);
                }

                Interlocked.Exchange(ref _parked, 1);
                if (!TryEnter())
                {
                    _wake.Wait();
                    continue;
                }

                // A start that came in between has seen the flag, or not; if it has, its release must not wake a later wait.
                if (Interlocked.Exchange(ref _parked, 0) == 0)
                    _wake.Wait();
                return;
            }
        }

        private bool TryEnter() =>
            Volatile.Read(ref _state) == Requested && Interlocked.CompareExchange(ref _state, Inside, Requested) == Requested;

        private void EndPhase(int count)
        {
            int finished = _claimed;
            _claimed = 0;
            if (finished > 0 && Interlocked.Add(ref set._counters.Completed, finished) == count)
            {
                set._counters.Completed = 0;
                Volatile.Write(ref set._counters.Ticket, (long)(_phase + 1) << 32);
            }

            for (int spins = 0; (int)(Volatile.Read(ref set._counters.Ticket) >> 32) == _phase; spins++)
            {
                if (Volatile.Read(ref set._failure) is not null)
                    throw new InvalidOperationException("Another worker failed.");
                if (spins < SpinsBeforeYielding)
                    Thread.SpinWait(10);
                else
                    Thread.Yield();
            }

            _phase++;
        }
    }

    /// <summary>What all workers write, each on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Counters
    {
        /// <summary>The phase in the upper half, the next unclaimed item in the lower.</summary>
        [FieldOffset(64)]
        public long Ticket;

        /// <summary>Items of the phase that are done.</summary>
        [FieldOffset(128)]
        public int Completed;
    }
}
