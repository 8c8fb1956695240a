using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// A fixed set of threads that compute one region together, the caller being the first of them. A region is a series of phases; in a
/// phase, workers claim items until none is left, then wait for each other. Which worker computes an item never changes its result.
/// </summary>
internal sealed class WorkerSet : IDisposable
{
    /// <summary>About 50 µs of spinning: longer than the gap between two steps, shorter than anyone minds.</summary>
    private const int SpinsBeforeParking = 1000;

    private const int SpinsBeforeYielding = 100;

    private readonly Worker[] _workers;
    private readonly Thread[] _threads;
    private Counters _counters;
    private Action<Worker>? _region;
    private Exception? _failure;
    private int _active;
    private volatile bool _disposed;

    public WorkerSet(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        _workers = [.. Enumerable.Range(0, count).Select(index => new Worker(this, index))];
        _threads = [.. _workers.Skip(1).Select(StartThread)];
    }

    public int Count => _workers.Length;

    /// <summary>Runs the region on the first <paramref name="active"/> workers and returns when all of them are done.</summary>
    public void Run(Action<Worker> region, int active)
    {
        (_region, _active) = (region, active);
        _counters.Claimed = 0;
        _counters.Arrived = 0;
        _counters.Remaining = active;
        for (int i = 1; i < active; i++)
            _workers[i].Start();
        RunRegion(_workers[0]);

        SpinWait spin = default;
        while (Volatile.Read(ref _counters.Remaining) > 0)
            spin.SpinOnce(sleep1Threshold: -1);
        if (_failure is { } failure)
            throw new InvalidOperationException("A worker of the CPU engine failed.", failure);
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
        }
    }

    private void RunRegion(Worker worker)
    {
        try
        {
            _region!(worker);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
        }

        Interlocked.Decrement(ref _counters.Remaining);
    }

    /// <summary>One member of the set, as the region sees it.</summary>
    public sealed class Worker(WorkerSet set, int index) : IDisposable
    {
        private readonly SemaphoreSlim _wake = new(0);
        private int _started;
        private int _parked;

        public int Index => index;

        /// <summary>Takes the next of <paramref name="count"/> items of the phase; false when all are taken.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryClaim(int count, out int item)
        {
            item = Interlocked.Increment(ref set._counters.Claimed) - 1;
            return item < count;
        }

        /// <summary>Ends the phase: returns once every worker's items are done, and the next claim is the first of the next phase.</summary>
        public void EndPhase()
        {
            int phase = Volatile.Read(ref set._counters.Phase);
            if (Interlocked.Increment(ref set._counters.Arrived) == set._active)
            {
                set._counters.Arrived = 0;
                set._counters.Claimed = 0;
                Volatile.Write(ref set._counters.Phase, phase + 1);
                return;
            }

            for (int spins = 0; Volatile.Read(ref set._counters.Phase) == phase; spins++)
            {
                if (Volatile.Read(ref set._failure) is not null)
                    throw new InvalidOperationException("Another worker failed.");
                if (spins < SpinsBeforeYielding)
                    Thread.SpinWait(10);
                else
                    Thread.Yield();
            }
        }

        public void Dispose() => _wake.Dispose();

        /// <summary>Lets a waiting worker go; called by the set's owner.</summary>
        internal void Start()
        {
            Volatile.Write(ref _started, 1);
            if (Interlocked.Exchange(ref _parked, 0) == 1)
                _wake.Release();
        }

        internal void AwaitStart()
        {
            for (int spins = 0; spins < SpinsBeforeParking && Volatile.Read(ref _started) == 0; spins++)
                Thread.SpinWait(10);
            if (Volatile.Read(ref _started) == 0)
            {
                Interlocked.Exchange(ref _parked, 1);
                // Whoever clears the flag decides: a start that came in between has released the semaphore exactly if it saw the flag.
                if (Volatile.Read(ref _started) == 0 || Interlocked.Exchange(ref _parked, 0) == 0)
                    _wake.Wait();
            }

            Volatile.Write(ref _started, 0);
        }
    }

    /// <summary>Counters that all workers write, each on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 320)]
    private struct Counters
    {
        [FieldOffset(64)]
        public int Claimed;

        [FieldOffset(128)]
        public int Arrived;

        [FieldOffset(192)]
        public int Phase;

        [FieldOffset(256)]
        public int Remaining;
    }
}
