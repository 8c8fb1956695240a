using System.Text;
using AgentRollout.Tokenization.Models;

namespace AgentRollout.Tokenization.Bpe;

/// <summary>Byte-pair encoding: a word's characters, merged in the order of the merges.</summary>
internal sealed class BpeModel : TokenModel
{
    /// <summary>The characters of the byte-level alphabet lie below this.</summary>
    private const int TabledCharacters = 0x180;

    private readonly Vocabulary _vocabulary;
    private readonly MergeRanks _merges;
    private readonly BytePairMerger _merger;
    private readonly BpeSettings _settings;
    private readonly byte[] _prefix;
    private readonly byte[] _suffix;
    private readonly UnknownToken? _unknown;
    private readonly int[] _idOfByte = new int[256]; // the byte tokens <0x00> to <0xFF>, -1 where there is none
    private readonly int[] _idOfCharacter = new int[TabledCharacters]; // -1 where the character is no token

    public BpeModel(Vocabulary vocabulary, MergeRanks merges, BpeSettings settings)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _merger = new BytePairMerger(merges);
        _settings = settings;
        _prefix = Encoding.UTF8.GetBytes(settings.ContinuingSubwordPrefix);
        _suffix = Encoding.UTF8.GetBytes(settings.EndOfWordSuffix);
        _unknown = settings.UnknownToken is null ? null : new UnknownToken(settings.UnknownToken, vocabulary);
        for (int value = 0; value < 256; value++)
            _idOfByte[value] = ByteTokens.Find((byte)value, vocabulary);
        for (int value = 0; value < TabledCharacters; value++)
            _idOfCharacter[value] = IdOf(new Rune(value).ToString());
    }

    /// <summary>
    /// Whether the tokens of a text on both sides of two characters that no token holds side by side are those of the two sides alone.
    /// </summary>
    public bool IsLocal()
    {
        if (_prefix.Length + _suffix.Length > 0 || _settings.IgnoreMerges || !UnknownIsLocal())
            return false;
        HashSet<int> standIns = [.. _idOfByte]; // tokens that may stand for text that is not their spelling
        if (_settings.UnknownToken is { } unknown)
            standIns.Add(IdOf(unknown));
        return !_merges.Any((left, right) => standIns.Contains(left) || standIns.Contains(right));
    }

    public override int MaxTokens(int byteCount) => checked(byteCount * (1 + _prefix.Length + _suffix.Length));

    public override int Tokenize(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        if (_settings.IgnoreMerges && _vocabulary.TryFind(word, out int whole))
        {
            (ids[0], lengths[0]) = (whole, word.Length);
            return 1;
        }

        int count = Spell(word, ids, lengths);
        return _merger.Merge(ids[..count], lengths[..count]);
    }

    /// <summary>The tokens of the characters, before any merge.</summary>
    private int Spell(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        int count = 0;
        int unknownLength = 0; // bytes of unknown characters whose token is not written yet
        for (int start = 0; start < word.Length;)
        {
            int length = Utf8Text.CharacterLength(word[start]);
            int id = IdOfCharacter(word, start, length);
            if (id >= 0)
            {
                AddUnknown(ref count, ref unknownLength, ids, lengths);
                (ids[count], lengths[count++]) = (id, length);
            }
            else if (!_settings.ByteFallback || !TryAddBytes(word, start, length, ref count, ids, lengths))
            {
                if (!_settings.FuseUnknown)
                    AddUnknown(ref count, ref unknownLength, ids, lengths);
                unknownLength += length;
            }

            start += length;
        }

        AddUnknown(ref count, ref unknownLength, ids, lengths);
        return count;
    }

    private int IdOfCharacter(ReadOnlySpan<byte> word, int start, int length)
    {
        if (_prefix.Length + _suffix.Length > 0)
            return _vocabulary.TryFind(Affixed(word, start, length), out int affixed) ? affixed : -1;
        int first = word[start];
        if (length == 1)
            return _idOfCharacter[first];
        if (length == 2 && (((first & 0x1F) << 6) | (word[start + 1] & 0x3F)) is < TabledCharacters and int character)
            return _idOfCharacter[character];
        return _vocabulary.TryFind(word.Slice(start, length), out int id) ? id : -1;
    }

    /// <summary>The character with the prefix of those that do not begin the word and the suffix of the one that ends it.</summary>
    private byte[] Affixed(ReadOnlySpan<byte> word, int start, int length) =>
    [
        .. start > 0 ? _prefix : [],
        .. word.Slice(start, length),
        .. start + length == word.Length ? _suffix : [],
    ];

    private bool TryAddBytes(ReadOnlySpan<byte> word, int start, int length, ref int count, Span<int> ids, Span<int> lengths)
    {
        ReadOnlySpan<byte> bytes = _prefix.Length + _suffix.Length > 0 ? Affixed(word, start, length) : word.Slice(start, length);
        foreach (byte value in bytes)
        {
            if (_idOfByte[value] < 0)
                return false;
        }

        foreach (byte value in bytes)
            (ids[count], lengths[count++]) = (_idOfByte[value], 1);
        return true;
    }

    /// <summary>Without a token for what is unknown, unknown characters are left out, as in the reference.</summary>
    private void AddUnknown(ref int count, ref int unknownLength, Span<int> ids, Span<int> lengths)
    {
        if (unknownLength > 0 && _unknown is not null)
            (ids[count], lengths[count++]) = (_unknown.Id, unknownLength);
        unknownLength = 0;
    }

    private bool UnknownIsLocal() =>
        _settings.ByteFallback ? !_idOfByte.Contains(-1) : _unknown is not null && !_settings.FuseUnknown;

    private int IdOf(string spelling) => _vocabulary.TryFind(Encoding.UTF8.GetBytes(spelling), out int id) ? id : -1;
}
