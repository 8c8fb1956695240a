using System.Buffers;
using System.Text;

namespace AgentRollout.Tokenization;

/// <summary>Collects the tokens of one encoding in rented memory, with their character positions where those are wanted.</summary>
internal ref struct TokenSink(bool keepStarts)
{
    private int[] _ids = ArrayPool<int>.Shared.Rent(256);
    private int[] _starts = keepStarts ? ArrayPool<int>.Shared.Rent(256) : [];
    private int _count;

    public void AddToken(int id, int start)
    {
        EnsureRoom(1);
        if (keepStarts)
            _starts[_count] = start;
        _ids[_count++] = id;
    }

    /// <summary>Adds the tokens of a word that stands at <paramref name="position"/> of <paramref name="piece"/>.</summary>
    public void AddWord(
        scoped ReadOnlySpan<char> word, scoped ReadOnlySpan<int> ids, scoped ReadOnlySpan<int> lengths, int position, in TextPiece piece)
    {
        EnsureRoom(ids.Length);
        ids.CopyTo(_ids.AsSpan(_count));
        if (keepStarts)
            AddStarts(word, lengths, position, piece);
        _count += ids.Length;
    }

    public readonly int[] Ids() => _ids.AsSpan(0, _count).ToArray();

    public readonly int[] Starts() => _starts.AsSpan(0, _count).ToArray();

    public readonly void Dispose()
    {
        ArrayPool<int>.Shared.Return(_ids);
        if (keepStarts)
            ArrayPool<int>.Shared.Return(_starts);
    }

    private readonly void AddStarts(scoped ReadOnlySpan<char> word, scoped ReadOnlySpan<int> lengths, int position, in TextPiece piece)
    {
        int character = 0;
        int bytesBefore = 0; // UTF-8 bytes of the word before 'character'
        int tokenByte = 0;
        for (int i = 0; i < lengths.Length; i++)
        {
            while (character < word.Length)
            {
                Rune.DecodeFromUtf16(word[character..], out Rune rune, out int length);
                if (bytesBefore + rune.Utf8SequenceLength > tokenByte)
                    break;
                bytesBefore += rune.Utf8SequenceLength;
                character += length;
            }

            _starts[_count + i] = piece.Origin(position + character);
            tokenByte += lengths[i];
        }
    }

    private void EnsureRoom(int more)
    {
        if (_count + more <= _ids.Length)
            return;
        int capacity = Math.Max(_ids.Length * 2, _count + more);
        Grow(ref _ids, capacity);
        if (keepStarts)
            Grow(ref _starts, capacity);
    }

    private readonly void Grow(ref int[] array, int capacity)
    {
        int[] larger = ArrayPool<int>.Shared.Rent(capacity);
        array.AsSpan(0, _count).CopyTo(larger);
        ArrayPool<int>.Shared.Return(array);
        array = larger;
    }
}
