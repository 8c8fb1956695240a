namespace AgentRollout.Gateway.Rollouts;

/// <summary>
/// Accepted rollouts that wait, first come first served, and bounded: a place is reserved before a rollout is stored, so that what is
/// stored always has one.
/// </summary>
internal sealed class RolloutQueue(int capacity) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LinkedList<LiveRollout> _waiting = [];
    private readonly SemaphoreSlim _arrivals = new(0);
    private int _reserved;

    /// <summary>How many wait.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>False where the queue is full. A reservation ends with <see cref="Enqueue"/> or <see cref="Release"/>.</summary>
    public bool TryReserve()
    {
        lock (_lock)
        {
            if (_waiting.Count + _reserved >= capacity)
                return false;
            _reserved++;
            return true;
        }
    }

    /// <summary>Gives a reserved place back.</summary>
    public void Release()
    {
        lock (_lock)
            _reserved--;
    }

    /// <summary>Puts a rollout in its reserved place.</summary>
    public void Enqueue(LiveRollout rollout)
    {
        lock (_lock)
        {
            _reserved--;
            _waiting.AddLast(rollout);
        }

        _arrivals.Release();
    }

    /// <summary>Puts a rollout of an earlier run of the server in; those are accepted already, so no bound applies.</summary>
    public void Recover(LiveRollout rollout)
    {
        lock (_lock)
            _waiting.AddLast(rollout);
        _arrivals.Release();
    }

    /// <summary>Takes a waiting rollout out; false where it waits no more.</summary>
    public bool Remove(LiveRollout rollout)
    {
        lock (_lock)
            return _waiting.Remove(rollout);
    }

    /// <summary>Waits for the next rollout.</summary>
    public async ValueTask<LiveRollout> DequeueAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _arrivals.WaitAsync(cancellationToken);
            lock (_lock)
            {
                // Removed rollouts leave their arrival behind.
                if (_waiting.First is { } first)
                {
                    _waiting.RemoveFirst();
                    return first.Value;
                }
            }
        }
    }

    public void Dispose() => _arrivals.Dispose();
}
