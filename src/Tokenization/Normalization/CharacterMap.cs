using System.Buffers.Binary;
using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>
/// SentencePiece's compiled rules (<c>precompiled_charsmap</c>): the length of a tree in bytes, the tree as a double array of 32-bit units in
/// little-endian order (the form of Darts-clone), then the replacements in UTF-8, each ended by a zero byte.
/// </summary>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <exception cref="TokenizerException">The rules are damaged.</exception>
    public CharacterMap(ReadOnlySpan<byte> compiled)
    {
        if (!BinaryPrimitives.TryReadUInt32LittleEndian(compiled, out uint treeLength) || treeLength < sizeof(uint) || treeLength > compiled.Length - sizeof(uint))
            throw Damaged();
        _units = new uint[treeLength / sizeof(uint)];
        for (int i = 0; i < _units.Length; i++)
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(compiled[((i + 1) * sizeof(uint))..]);
        _replacements = compiled[((_units.Length + 1) * sizeof(uint))..].ToArray();
        if (!System.Text.Unicode.Utf8.IsValid(_replacements))
            throw Damaged();
    }

    /// <summary>
    /// The replacement of the shortest rule that a text begins with. Returns false where there is none.
    /// </summary>
    /// <param name="text">The text, in UTF-8.</param>
    /// <param name="replacement">The replacement, in UTF-8.</param>
    /// <exception cref="TokenizerException">The rules are damaged.</exception>
    public bool TryFind(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        uint position = Offset(_units[0]);
        foreach (byte value in text)
        {
            position ^= value;
            uint unit = Unit(position);
            if (value == 0 || Label(unit) != value)
                break;
            position ^= Offset(unit);
            if (HasLeaf(unit))
            {
                replacement = Replacement(Unit(position) & 0x7FFFFFFF);
                return true;
            }
        }

        replacement = default;
        return false;
    }

    /// <summary>The byte that leads to a unit; a leaf's is no byte.</summary>
    private static uint Label(uint unit) => unit & 0x800000FF;

    private static bool HasLeaf(uint unit) => (unit & 0x100) != 0;

    /// <summary>How far away a unit's children lie.</summary>
    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private uint Unit(uint position) => position < _units.Length ? _units[position] : throw Damaged();

    private ReadOnlySpan<byte> Replacement(uint start)
    {
        if (start > _replacements.Length)
            throw Damaged();
        ReadOnlySpan<byte> rest = _replacements.AsSpan((int)start);
        int end = rest.IndexOf((byte)0);
        ReadOnlySpan<byte> replacement = end < 0 ? rest : rest[..end];
        return Rune.DecodeFromUtf8(replacement, out _, out _) == System.Buffers.OperationStatus.InvalidData ? throw Damaged() : replacement;
    }

    private static TokenizerException Damaged() => new("its 'precompiled_charsmap' is damaged.");
}
