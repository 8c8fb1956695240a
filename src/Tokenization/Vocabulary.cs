using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private byte[] _bytes;
    private int _byteCount;
    private Place[] _places; // [id], start -1 where no token has the id
    private Slot[] _slots = []; // the index; its length is a power of two
    private int _count;
    private string?[] _texts = []; // [id], made when first asked for

    public Vocabulary(int expectedCount)
    {
        int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(expectedCount, 512));
        _bytes = new byte[capacity * 8];
        _places = new Place[capacity];
        Array.Fill(_places, Place.None);
    }

    /// <summary>One more than the largest id.</summary>
    public int Size { get; private set; }

    public bool Contains(int id) => (uint)id < (uint)Size && _places[id].Start >= 0;

    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_places[id].Start, _places[id].Length);

    /// <summary>The tokens that are found by their spelling.</summary>
    public int IndexedCount { get; private set; }

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

    /// <summary>Adds a token. None is found by its spelling before <see cref="BuildIndex"/>, and none that is added after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int id, ReadOnlySpan<byte> bytes)
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
        _count++;
    }

    /// <summary>Lets <see cref="TryFind"/> find the tokens that are there, in one pass over a table of the right size.</summary>
    /// <exception cref="TokenizerException">Two tokens have the same spelling.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void BuildIndex()
    {
        _slots = new Slot[(int)BitOperations.RoundUpToPowerOf2((uint)(_count + _count / 2 + 1))];
        IndexedCount = _count;
        for (int id = 0; id < Size; id++)
        {
            if (!Contains(id))
                continue;
            ReadOnlySpan<byte> bytes = Bytes(id);
            ulong key = Key(bytes);
            ref Slot slot = ref Find(bytes, key);
            if (slot.Number != 0)
                throw new TokenizerException($"Tokens {slot.Number - 1} and {id} have the same spelling.");
            slot = new Slot(key, id + 1, bytes.Length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryFind(ReadOnlySpan<byte> bytes, out int id)
    {
        id = _slots.Length == 0 ? -1 : Find(bytes, Key(bytes)).Number - 1;
        return id >= 0;
    }

    /// <summary>The slot of a spelling, or the free one where it would stand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Slot Find(ReadOnlySpan<byte> bytes, ulong key)
    {
        Slot[] slots = _slots;
        uint mask = (uint)slots.Length - 1;
        for (uint index = (uint)((key * Multiplier) >> 32) & mask; ; index = (index + 1) & mask)
        {
            ref Slot slot = ref slots[index];
            bool isHere = slot.Number == 0
                || (slot.Key == key && slot.Length == bytes.Length && (bytes.Length <= sizeof(ulong) || bytes.SequenceEqual(Bytes(slot.Number - 1))));
            if (isHere)
                return ref slot;
        }
    }

    /// <summary>A spelling itself where it fits, so that the slot alone tells whether it is the one; else a hash of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Key(ReadOnlySpan<byte> bytes)
    {
        ulong hash = (ulong)bytes.Length;
        if (bytes.Length > sizeof(ulong))
        {
            for (; bytes.Length > sizeof(ulong); bytes = bytes[sizeof(ulong)..])
                hash = (BitOperations.RotateLeft(hash, 27) ^ MemoryMarshal.Read<ulong>(bytes)) * Multiplier;
            return (BitOperations.RotateLeft(hash, 27) ^ Word(bytes)) * Multiplier;
        }

        return Word(bytes);
    }

    /// <summary>Up to eight bytes as a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Word(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == sizeof(ulong))
            return MemoryMarshal.Read<ulong>(bytes);
        if (bytes.Length >= sizeof(uint))
            return MemoryMarshal.Read<uint>(bytes) | ((ulong)MemoryMarshal.Read<uint>(bytes[^sizeof(uint)..]) << ((bytes.Length - sizeof(uint)) * 8));
        ulong word = 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
            word = (word << 8) | bytes[i];
        return word;
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

    /// <param name="Key">Which spelling it probably is, or is where it is short.</param>
    /// <param name="Number">The token's id and one; 0 where the slot is free.</param>
    /// <param name="Length">The bytes of the spelling.</param>
    private readonly record struct Slot(ulong Key, int Number, int Length);

    /// <summary>Where a spelling lies.</summary>
    private readonly record struct Place(int Start, int Length)
    {
        public static Place None => new(-1, 0);
    }
}
