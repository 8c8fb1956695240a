using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AgentRollout.Tokenization;

/// <summary>
/// Words whose tokens are known. Bounded: each word has two places. Where both are taken, one miss in a few puts a new word there, so that
/// words that come once neither drive out what comes often nor cost memory. Entries are immutable and are read and replaced as a whole, so
/// threads share the cache without locks.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words are not kept.</summary>
    public const int LongestWord = 64;

    private const int PlaceCount = 1 << 16;
    private const int MissesPerReplacement = 8;

    private readonly EncodedWord?[] _places = new EncodedWord?[PlaceCount];
    private int _misses; // threads may lose a count: it only chooses

    public bool TryGet(ReadOnlySpan<char> word, [NotNullWhen(true)] out EncodedWord? encoded)
    {
        uint place = Place(word);
        encoded = _places[place];
        if (encoded is not null && word.SequenceEqual(encoded.Word))
            return true;
        encoded = _places[place ^ 1];
        return encoded is not null && word.SequenceEqual(encoded.Word);
    }

    /// <summary>Whether the cache wants a word that it does not have.</summary>
    public bool Takes(ReadOnlySpan<char> word)
    {
        if (word.Length > LongestWord)
            return false;
        uint place = Place(word);
        return _places[place] is null || _places[place ^ 1] is null || ++_misses % MissesPerReplacement == 0;
    }

    public void Set(EncodedWord encoded)
    {
        uint place = Place(encoded.Word);
        // The one that was there moves over, and drives out the older one.
        if (_places[place] is { } previous)
            _places[place ^ 1] = previous;
        _places[place] = encoded;
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
