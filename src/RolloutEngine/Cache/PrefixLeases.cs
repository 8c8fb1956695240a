namespace AgentRollout.RolloutEngine.Cache;

/// <summary>
/// Who is expected back, and which page ends what they left. A trajectory that waits for a tool keeps its pages that way, for a limited time;
/// the cache pins the pages and asks here which lease to give up when pages are short.
/// </summary>
internal sealed class PrefixLeases(TimeSpan duration, TimeProvider time)
{
    /// <summary>A lease this much older than the average wait belongs, most likely, to a trajectory that has ended.</summary>
    private const double OverdueFactor = 3;

    private const double AverageOver = 16;

    private readonly Dictionary<string, LinkedListNode<Lease>> _byKey = new(StringComparer.Ordinal);
    private readonly LinkedList<Lease> _byAge = [];
    private TimeSpan? _averageWait;

    public int Count => _byAge.Count;

    /// <summary>The last page of each lease.</summary>
    public IEnumerable<int> LastPages => _byAge.Select(lease => lease.LastPage);

    /// <summary>Whether leases are granted at all.</summary>
    public bool Granted => duration > TimeSpan.Zero;

    /// <summary>Grants a lease; the key must not have one.</summary>
    public void Add(string key, int lastPage) => _byKey.Add(key, _byAge.AddLast(new Lease(key, lastPage, time.GetTimestamp())));

    /// <summary>Ends a lease since its holder is back.</summary>
    /// <returns>Its last page, or null where it had none any more.</returns>
    public int? Return(string key)
    {
        if (!_byKey.TryGetValue(key, out LinkedListNode<Lease>? node))
            return null;
        TimeSpan wait = time.GetElapsedTime(node.Value.Started);
        _averageWait = _averageWait is { } average ? average + (wait - average) / AverageOver : wait;
        return Remove(node);
    }

    /// <summary>The last page of a lease that has expired, which ends with this; null where there is none.</summary>
    public int? TakeExpired() => _byAge.First is { } oldest && time.GetElapsedTime(oldest.Value.Started) >= duration ? Remove(oldest) : null;

    /// <summary>
    /// Gives up the lease that is least likely to pay: the oldest, if its holder is long overdue, and otherwise the youngest, whose holder
    /// comes back last.
    /// </summary>
    public int TakeLeastUseful()
    {
        LinkedListNode<Lease> oldest = _byAge.First!;
        bool isOverdue = _averageWait is { } average && time.GetElapsedTime(oldest.Value.Started) > average * OverdueFactor;
        return Remove(isOverdue ? oldest : _byAge.Last!);
    }

    private int Remove(LinkedListNode<Lease> node)
    {
        _byAge.Remove(node);
        _byKey.Remove(node.Value.Key);
        return node.Value.LastPage;
    }

    private readonly record struct Lease(string Key, int LastPage, long Started);
}
