namespace AgentRollout.Tokenization.Decoding;

/// <summary>The bytes that each token stands for inside a text, all in one array.</summary>
internal sealed class TokenBytes
{
    private readonly byte[] _bytes;
    private readonly bool[] _isBytes; // [id]
    private readonly int[] _starts; // [id], and the end; tokens that do not exist have the bytes of U+FFFD

    /// <param name="size">One more than the largest id.</param>
    /// <param name="spelling">The token that decoding begins with, null where there is none.</param>
    /// <param name="decoder">The decoder.</param>
    public TokenBytes(int size, Func<int, string?> spelling, TokenDecoder decoder)
    {
        _starts = new int[size + 1];
        _isBytes = new bool[size];
        List<byte> bytes = new(size * 8);
        for (int id = 0; id < size; id++)
        {
            bytes.AddRange(spelling(id) is { } token ? decoder.BytesOf(token, out _isBytes[id]) : "\uFFFD"u8);
            _starts[id + 1] = bytes.Count;
        }

        _bytes = [.. bytes];
    }

    /// <summary>Whether a token stands for bytes rather than for text.</summary>
    public bool IsBytes(int id) => (uint)id < (uint)_isBytes.Length && _isBytes[id];

    public ReadOnlySpan<byte> Of(int id) => (uint)id < (uint)(_starts.Length - 1) ? _bytes.AsSpan(_starts[id].._starts[id + 1]) : "\uFFFD"u8;
}
