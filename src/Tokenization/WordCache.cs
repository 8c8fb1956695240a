using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AgentRollout.Tokenization;

/// <summary>
/// Words whose tokens are known. Bounded: each word has one place, and the last word written there stays. Entries are immutable and are
/// read and replaced as a whole, so threads share the cache without locks.
/// </summary>
internal sealed class WordCache
{
    private const int PlaceCount = 1 << 15;
    private const int LongestWord = 64;

    private readonly Entry?[] _places = new Entry?[PlaceCount];

    public bool TryGet(ReadOnlySpan<char> word, out int[] ids)
    {
        if (_places[Place(word)] is { } entry && word.SequenceEqual(entry.Word))
        {
            ids = entry.Ids;
            return true;
        }

        ids = [];
        return false;
    }

    public void Set(ReadOnlySpan<char> word, int[] ids)
    {
        if (word.Length <= LongestWord)
            _places[Place(word)] = new Entry(word.ToString(), ids);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Place(ReadOnlySpan<char> word)
    {
        const ulong Multiplier = 0x9E3779B97F4A7C15;
        ulong hash = (ulong)word.Length;
        while (word.Length >= 4)
        {
            hash = (BitOperations.RotateLeft(hash, 27) ^ MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes(word))) * Multiplier;
            word = word[4..];
        }

        foreach (char character in word)
            hash = (BitOperations.RotateLeft(hash, 27) ^ character) * Multiplier;
        return (uint)(hash >> 40) & (PlaceCount - 1);
    }

    private sealed record Entry(string Word, int[] Ids);
}
