using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization;

/// <summary>
/// Token id to spelling, and spelling to token id; spellings are UTF-8, as tokenizer.json writes them. All lie in one array; the index is an
/// open-addressing table of ids.
/// </summary>
internal sealed class Vocabulary
{
    /// <summary>Far above any real vocabulary; a larger id is a damaged file, not a reason to allocate gigabytes.</summary>
    private const int MaxId = 1 << 22;

    private byte[] _bytes;
    private int _byteCount;
    private Place[] _places; // [id], start -1 where no token has the id
    private ulong[] _slots; // hash -> hash and id + 1, 0 where free; the hash spares a look at the bytes of others
    private int _indexed;
    private string?[] _texts = []; // [id], made when first asked for

    public Vocabulary(int expectedCount)
    {
        int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(expectedCount, 512));
        _bytes = new byte[capacity * 8];
        _places = new Place[capacity];
        _slots = new ulong[capacity * 2];
        Array.Fill(_places, Place.None);
    }

    /// <summary>One more than the largest id.</summary>
    public int Size { get; private set; }

    public bool Contains(int id) => (uint)id < (uint)Size && _places[id].Start >= 0;

    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_places[id].Start, _places[id].Length);

    /// <summary>The tokens that are found by their spelling.</summary>
    public int IndexedCount => _indexed;

    /// <summary>The bytes of the longest spelling.</summary>
    public int LongestToken { get; private set; }

    /// <summary>A token's spelling as text.</summary>
    public string Text(int id)
    {
        string?[] texts = _texts;
        if (texts.Length < Size)
            _texts = texts = new string?[Size];
        return texts[id] ??= Encoding.UTF8.GetString(Bytes(id));
    }

    /// <summary>Adds a token that <see cref="TryFind"/> finds by its spelling.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int id, ReadOnlySpan<byte> bytes)
    {
        uint hash = Hash(bytes);
        if (TryFindHashed(bytes, hash, out int other))
            throw new TokenizerException($"Tokens {other} and {id} have the same spelling.");
        AddUnindexed(id, bytes);
        if (++_indexed * 2 > _slots.Length)
            Rehash();
        Insert(((ulong)hash << 32) | (uint)(id + 1));
    }

    /// <summary>Adds a token that can be decoded but that no text is looked up as: added tokens are found by another way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddUnindexed(int id, ReadOnlySpan<byte> bytes)
    {
        if (id is < 0 or >= MaxId)
            throw new TokenizerException($"Token id {id} is out of range; ids run from 0 to {MaxId - 1}.");
        if (Contains(id))
            throw new TokenizerException($"Token id {id} is given to two tokens.");
        EnsureRoom(id, bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_byteCount));
        _places[id] = new Place(_byteCount, bytes.Length);
        _byteCount += bytes.Length;
        LongestToken = Math.Max(LongestToken, bytes.Length);
        Size = Math.Max(Size, id + 1);
    }

    public bool TryFind(ReadOnlySpan<byte> bytes, out int id) => TryFindHashed(bytes, Hash(bytes), out id);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryFindHashed(ReadOnlySpan<byte> bytes, uint hash, out int id)
    {
        ulong[] slots = _slots;
        uint mask = (uint)slots.Length - 1;
        for (uint slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            ulong entry = slots[slot];
            id = (int)(uint)entry - 1;
            if (id < 0)
                return false;
            if ((uint)(entry >> 32) == hash && bytes.SequenceEqual(Bytes(id)))
                return true;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Insert(ulong entry)
    {
        uint mask = (uint)_slots.Length - 1;
        uint slot = (uint)(entry >> 32) & mask;
        while (_slots[slot] != 0)
            slot = (slot + 1) & mask;
        _slots[slot] = entry;
    }

    private void Rehash()
    {
        ulong[] old = _slots;
        _slots = new ulong[old.Length * 2];
        foreach (ulong entry in old)
        {
            if (entry != 0)
                Insert(entry);
        }
    }

    private void EnsureRoom(int id, int byteCount)
    {
        if (_byteCount + byteCount > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _byteCount + byteCount));
        if (id < _places.Length)
            return;
        int previous = _places.Length;
        Array.Resize(ref _places, (int)BitOperations.RoundUpToPowerOf2((uint)id + 1));
        _places.AsSpan(previous).Fill(Place.None);
    }

    /// <summary>FNV-1a with a final mix, since only the low bits choose the slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        foreach (byte value in bytes)
            hash = (hash ^ value) * 16777619;
        hash ^= hash >> 15;
        return hash * 0x85EBCA6B ^ (hash >> 13);
    }

    /// <summary>Where a spelling lies.</summary>
    private readonly record struct Place(int Start, int Length)
    {
        public static Place None => new(-1, 0);
    }
}
