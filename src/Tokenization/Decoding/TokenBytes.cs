namespace AgentRollout.Tokenization.Decoding;

/// <summary>The bytes that each token stands for inside a text, all in one array.</summary>
internal sealed class TokenBytes
{
    private readonly byte[] _bytes;
    private readonly int[] _starts; // [id], and the end; tokens that do not exist have the bytes of U+FFFD

    public TokenBytes(Vocabulary vocabulary, TokenDecoder decoder)
    {
        _starts = new int[vocabulary.Size + 1];
        List<byte> bytes = new(vocabulary.Size * 8);
        for (int id = 0; id < vocabulary.Size; id++)
        {
            bytes.AddRange(vocabulary.Contains(id) ? decoder.BytesOf(vocabulary.Bytes(id)) : "\uFFFD"u8);
            _starts[id + 1] = bytes.Count;
        }

        _bytes = [.. bytes];
    }

    public ReadOnlySpan<byte> Of(int id) => (uint)id < (uint)(_starts.Length - 1) ? _bytes.AsSpan(_starts[id].._starts[id + 1]) : "\uFFFD"u8;
}
