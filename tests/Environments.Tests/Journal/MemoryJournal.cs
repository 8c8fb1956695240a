using System.Collections.Concurrent;
using AgentRollout.Environments.Journal;

namespace AgentRollout.Environments.Tests.Journal;

/// <summary>A journal in memory, through the bytes that a database would keep.</summary>
internal sealed class MemoryJournal : TrajectoryJournal
{
    private readonly ConcurrentDictionary<string, List<(DateTimeOffset At, byte[] Bytes)>> _entries = new();

    /// <summary>Set where a write is to fail, by the number of the write from 0.</summary>
    public Func<int, bool> Fails { get; set; } = _ => false;

    public int Writes { get; private set; }

    public IEnumerable<string> Trajectories => _entries.Keys;

    /// <summary>What a server that died behind so many entries of each trajectory would find.</summary>
    public MemoryJournal CutAt(Func<string, int, int> entries)
    {
        MemoryJournal cut = new();
        foreach ((string id, List<(DateTimeOffset, byte[])> all) in _entries)
            cut._entries[id] = all[..entries(id, all.Count)];
        return cut;
    }

    public IReadOnlyList<JournalEntry> Read(string id) =>
        [.. _entries.GetValueOrDefault(id, []).Select(entry => new JournalEntry(entry.At, JournalCodec.Decode(entry.Bytes)))];

    public long Bytes() => _entries.Values.Sum(entries => entries.Sum(entry => (long)entry.Bytes.Length));

    public override ValueTask AppendAsync(string trajectoryId, IReadOnlyList<JournalEvent> events)
    {
        List<(DateTimeOffset, byte[])> entries = _entries.GetOrAdd(trajectoryId, _ => []);
        lock (entries)
        {
            if (Fails(Writes++))
                throw new JournalException("The disk is full.");
            entries.Add((DateTimeOffset.UtcNow, JournalCodec.Encode(events)));
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask<IReadOnlyList<JournalEntry>> ReadAsync(string trajectoryId, CancellationToken cancellationToken) => new(Read(trajectoryId));
}
