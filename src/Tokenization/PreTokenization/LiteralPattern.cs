namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>A text as it is written.</summary>
internal sealed class LiteralPattern : TextPattern
{
    private readonly string _literal;

    /// <exception cref="TokenizerException">The text is empty.</exception>
    public LiteralPattern(string literal)
    {
        _literal = literal.Length > 0 ? literal : throw new TokenizerException("its split pattern is the empty text, which is not supported.");
    }

    public override bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        int offset = text[from..].IndexOf(_literal);
        start = from + offset;
        end = start + _literal.Length;
        return offset >= 0;
    }
}
