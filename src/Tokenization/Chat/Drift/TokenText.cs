using System.Text;

namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Tokens beside the bytes that they stand for, before decoding repairs or strips anything.</summary>
internal sealed class TokenText
{
    private readonly int[] _ids;
    private readonly int[] _starts;
    private readonly byte[] _bytes;

    public TokenText(Tokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        _ids = ids.ToArray();
        _starts = new int[ids.Length + 1];
        List<byte> bytes = [];
        for (int i = 0; i < ids.Length; i++)
        {
            bytes.AddRange(tokenizer.BytesOf(ids[i]));
            _starts[i + 1] = bytes.Count;
        }

        _bytes = [.. bytes];
    }

    public ReadOnlySpan<int> Ids => _ids;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public int Count => _ids.Length;

    /// <summary>Where the bytes of a token begin; those past the last one where all end.</summary>
    public int Start(int token) => _starts[token];

    /// <summary>The token that holds a byte, or the count of tokens behind the last one.</summary>
    public int TokenAt(int offset)
    {
        if (offset >= _bytes.Length)
            return Count;
        int found = Array.BinarySearch(_starts, offset);
        int token = found >= 0 ? found : ~found - 1;
        while (_starts[token + 1] <= offset)
            token++;
        return token;
    }

    /// <summary>Whether the byte belongs to no whole character.</summary>
    public bool IsBroken(int offset)
    {
        if (offset >= _bytes.Length)
            return false;
        int start = offset;
        while (start > 0 && offset - start < 3 && (_bytes[start] & 0xC0) == 0x80)
            start--;
        return Rune.DecodeFromUtf8(Bytes[start..], out _, out int length) != System.Buffers.OperationStatus.Done || start + length <= offset;
    }

    /// <summary>Whether the byte belongs to U+FFFD, which decoding puts in the place of broken characters.</summary>
    public bool IsReplacement(int offset)
    {
        ReadOnlySpan<byte> around = Bytes[Math.Max(0, offset - 2)..Math.Min(_bytes.Length, offset + 3)];
        return around.IndexOf("\uFFFD"u8) >= 0;
    }

    /// <summary>Where the white space around a byte begins and ends.</summary>
    public (int Start, int End) WhiteSpaceAround(int offset)
    {
        int start = offset;
        while (Rune.DecodeLastFromUtf8(Bytes[..start], out Rune rune, out int length) == System.Buffers.OperationStatus.Done && Rune.IsWhiteSpace(rune))
            start -= length;
        int end = offset;
        while (Rune.DecodeFromUtf8(Bytes[end..], out Rune rune, out int length) == System.Buffers.OperationStatus.Done && Rune.IsWhiteSpace(rune))
            end += length;
        return (start, end);
    }
}
