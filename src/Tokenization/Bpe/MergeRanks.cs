using System.Numerics;
using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.Bpe;

/// <summary>The merges of a byte-pair encoding: (left id, right id) to rank and merged id, in an open-addressing table.</summary>
internal sealed class MergeRanks
{
    private const ulong Free = ulong.MaxValue;

    private Entry[] _entries;
    private int _count;

    public MergeRanks(int expectedCount)
    {
        _entries = NewTable((int)BitOperations.RoundUpToPowerOf2((uint)(Math.Max(expectedCount, 128) / 2 * 3)));
    }

    /// <summary>Adds a merge; a pair that is listed twice keeps its last rank, as in Hugging Face's tokenizers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int left, int right, int rank, int merged)
    {
        if (_count >= _entries.Length / 3 * 2)
            Grow();
        ref Entry entry = ref Slot(Key(left, right));
        if (entry.Key == Free)
            _count++;
        entry = new Entry(Key(left, right), rank, merged);
    }

    /// <summary>The rank of a pair, <see cref="int.MaxValue"/> where it does not merge.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rank(int left, int right, out int merged)
    {
        ref readonly Entry entry = ref Slot(Key(left, right));
        merged = entry.Merged;
        return entry.Rank;
    }

    /// <summary>Whether a condition holds for any pair of ids.</summary>
    public bool Any(Func<int, int, bool> condition) =>
        _entries.Any(entry => entry.Key != Free && condition((int)(entry.Key >> 32), (int)entry.Key));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Entry Slot(ulong key)
    {
        Entry[] entries = _entries;
        uint mask = (uint)entries.Length - 1;
        for (uint slot = (uint)((key * 0x9E3779B97F4A7C15) >> 32) & mask; ; slot = (slot + 1) & mask)
        {
            ref Entry entry = ref entries[slot];
            if (entry.Key == key || entry.Key == Free)
                return ref entry;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Grow()
    {
        Entry[] old = _entries;
        _entries = NewTable(old.Length * 2);
        foreach (Entry entry in old)
        {
            if (entry.Key != Free)
                Slot(entry.Key) = entry;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Entry[] NewTable(int length)
    {
        Entry[] table = new Entry[length];
        Array.Fill(table, new Entry(Free, int.MaxValue, -1));
        return table;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private readonly record struct Entry(ulong Key, int Rank, int Merged);
}
