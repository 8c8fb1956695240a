using System.Collections.Concurrent;
using AgentRollout.Tools.Contracts;

namespace AgentRollout.Tools.Dispatch;

/// <summary>The workers that a caller hears of. One that falls silent is gone, unless the broker is what went away.</summary>
internal sealed class WorkerRoster(TimeSpan silence, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Entry> _workers = [];
    private volatile bool _paused;

    private TimeSpan Patience => _paused ? Timeout.InfiniteTimeSpan : silence;

    /// <summary>Cancelled when the worker is gone. One that was not heard of yet has as long as one that was heard of just now.</summary>
    /// <param name="worker">A worker that answered.</param>
    /// <param name="group">The group of what it answered.</param>
    public CancellationToken GoneOf(string worker, string group) => _workers.GetOrAdd(worker, name => NewEntry(name, [group])).Gone.Token;

    /// <summary>Whether a worker takes calls of a group.</summary>
    public bool Takes(string worker, string group) => _workers.TryGetValue(worker, out Entry? entry) && entry.Groups.Contains(group);

    /// <summary>Whether any worker takes calls of a group.</summary>
    public bool Serves(string group) => _workers.Values.Any(worker => worker.Groups.Contains(group));

    public void Heard(WorkerAlive alive)
    {
        Entry entry = _workers.GetOrAdd(alive.Worker, name => NewEntry(name, alive.Groups));
        entry.Groups = alive.Groups;
        entry.Gone.CancelAfter(Patience);
    }

    /// <summary>While the broker is away nobody can be heard; after that everybody has their time again.</summary>
    public void LinkChanged(bool up)
    {
        _paused = !up;
        foreach (Entry entry in _workers.Values)
            entry.Gone.CancelAfter(Patience);
    }

    private Entry NewEntry(string worker, IReadOnlyList<string> groups)
    {
        var entry = new Entry(new CancellationTokenSource(Patience, time)) { Groups = groups };
        entry.Gone.Token.Register(() => _workers.TryRemove(KeyValuePair.Create(worker, entry)));
        return entry;
    }

    private sealed class Entry(CancellationTokenSource gone)
    {
        public CancellationTokenSource Gone => gone;

        public IReadOnlyList<string> Groups { get; set; } = [];
    }
}
