using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>The bytes of a turn's tokens, with the way from a byte back to its token.</summary>
internal sealed class TurnText
{
    private readonly Tokenizer _tokenizer;
    private readonly int[] _tokens;
    private readonly int[] _starts; // byte at which each token begins, and the end

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="tokens">A turn.</param>
    /// <param name="endTokens">Tokens that end a turn and are no part of its text.</param>
    public TurnText(Tokenizer tokenizer, ReadOnlySpan<int> tokens, IReadOnlyCollection<int> endTokens)
    {
        while (!tokens.IsEmpty && endTokens.Contains(tokens[^1]))
            tokens = tokens[..^1];
        _tokenizer = tokenizer;
        _tokens = tokens.ToArray();
        _starts = new int[tokens.Length + 1];
        List<byte> bytes = [];
        for (int i = 0; i < tokens.Length; i++)
        {
            bytes.AddRange(tokenizer.BytesOf(tokens[i]));
            _starts[i + 1] = bytes.Count;
        }

        Bytes = [.. bytes];
    }

    public byte[] Bytes { get; }

    public int Length => Bytes.Length;

    public string Text(int from, int to) => Encoding.UTF8.GetString(Bytes.AsSpan(from..to));

    /// <summary>The tokens that hold the bytes.</summary>
    public TokenSpan Tokens(int from, int to)
    {
        if (from >= to)
            return new TokenSpan(TokenAt(from), TokenAt(from));
        return new TokenSpan(TokenAt(from), TokenAt(to - 1) + 1);
    }

    /// <summary>
    /// Where a marker first stands at or after a byte: by its id where the tokenizer has it as an added token, so that text that only looks
    /// like it does not count, else by its text. Null where it does not.
    /// </summary>
    public (int Start, int End)? Find(string marker, int from)
    {
        if (_tokenizer.TryGetId(marker, out int id) && _tokenizer.IsAdded(id))
        {
            for (int token = TokenAt(from); token < _tokens.Length; token++)
            {
                if (_tokens[token] == id && _starts[token] >= from)
                    return (_starts[token], _starts[token + 1]);
            }

            return null;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(marker);
        int found = Bytes.AsSpan(from).IndexOf(bytes);
        return found < 0 ? null : (from + found, from + found + bytes.Length);
    }

    private int TokenAt(int position)
    {
        int found = Array.BinarySearch(_starts, position);
        int token = found >= 0 ? found : ~found - 1;
        while (token > 0 && _starts[token - 1] == _starts[token])
            token--;
        return token;
    }
}
