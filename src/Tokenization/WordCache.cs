using System.Diagnostics.CodeAnalysis;
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

    private readonly EncodedWord?[] _places = new EncodedWord?[PlaceCount];

    public bool TryGet(ReadOnlySpan<char> word, [NotNullWhen(true)] out EncodedWord? encoded)
    {
        if (_places[Place(word)] is { } entry && word.SequenceEqual(entry.Word))
        {
            encoded = entry;
            return true;
        }

        encoded = null;
        return false;
    }

    public void Set(EncodedWord encoded)
    {
        if (encoded.Word.Length <= LongestWord)
            _places[Place(encoded.Word)] = encoded;
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
}

/// <summary>A word and its tokens.</summary>
/// <param name="Word">The word, as it stands in the text.</param>
/// <param name="Ids">Its tokens.</param>
/// <param name="Lengths">The bytes of the word's UTF-8 that each token stands for.</param>
internal sealed record EncodedWord(string Word, int[] Ids, int[] Lengths);
