using System.Text;

namespace AgentRollout.Tokenization;

/// <summary>
/// Turns a stream of tokens into text. A character whose bytes are spread over tokens comes out with the token that completes it, so the
/// pieces joined are exactly <see cref="Tokenizer.Decode"/> of all tokens. Not thread-safe.
/// </summary>
public sealed class StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens = false)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>The text that became certain with these tokens; often empty inside a character.</summary>
    public string Append(ReadOnlySpan<int> ids)
    {
        StringBuilder text = new();
        foreach (int id in ids)
        {
            if (!skipSpecialTokens || !tokenizer.IsSpecial(id))
                Append(tokenizer.BytesOf(id), flush: false, text);
        }

        return text.ToString();
    }

    /// <summary>Ends the stream: bytes of a character that was never completed come out as U+FFFD.</summary>
    public string Flush()
    {
        StringBuilder text = new();
        Append([], flush: true, text);
        return text.ToString();
    }

    private void Append(ReadOnlySpan<byte> bytes, bool flush, StringBuilder text)
    {
        Span<char> characters = stackalloc char[64];
        bool completed;
        do
        {
            _decoder.Convert(bytes, characters, flush, out int bytesUsed, out int charsUsed, out completed);
            text.Append(characters[..charsUsed]);
            bytes = bytes[bytesUsed..];
        }
        while (!completed);
    }
}
