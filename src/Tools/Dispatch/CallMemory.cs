namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// What is known of recent calls by key: calls that run, and the last <paramref name="capacity"/> that ended. Safe to use concurrently.
/// </summary>
internal sealed class CallMemory<TKey, TCall>(int capacity)
    where TKey : notnull
    where TCall : class
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, TCall> _calls = [];
    private readonly Queue<(TKey Key, TCall Call)> _ended = [];

    /// <summary>The call that this key already has; else null, and <paramref name="call"/> is now the key's.</summary>
    public TCall? FindOrAdd(TKey key, TCall call)
    {
        lock (_lock)
            return _calls.TryAdd(key, call) ? null : _calls[key];
    }

    /// <summary>The call ended; it is forgotten when <c>capacity</c> others have ended after it.</summary>
    public void End(TKey key, TCall call)
    {
        lock (_lock)
        {
            _ended.Enqueue((key, call));
            if (_ended.Count > capacity)
            {
                (TKey oldest, TCall forgotten) = _ended.Dequeue();
                Remove(oldest, forgotten);
            }
        }
    }

    /// <summary>Forgets a call at once, so that the key may be used anew.</summary>
    public void Forget(TKey key, TCall call)
    {
        lock (_lock)
            Remove(key, call);
    }

    private void Remove(TKey key, TCall call)
    {
        if (_calls.TryGetValue(key, out TCall? known) && ReferenceEquals(known, call))
            _calls.Remove(key);
    }
}
