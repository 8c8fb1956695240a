namespace AgentRollout.Tokenization;

/// <summary>A piece of the text to encode, perhaps normalized, that knows where its characters came from.</summary>
/// <param name="text">The piece, after normalization.</param>
/// <param name="start">Where the piece began in the text.</param>
/// <param name="origins">For each character and the end: its position in the piece before normalization; empty where nothing changed.</param>
internal readonly ref struct TextPiece(ReadOnlySpan<char> text, int start, ReadOnlySpan<int> origins = default)
{
    private readonly ReadOnlySpan<int> _origins = origins;

    public ReadOnlySpan<char> Text { get; } = text;

    /// <summary>The position in the whole text of the piece's character <paramref name="index"/>.</summary>
    public int Origin(int index) => start + (_origins.IsEmpty ? index : _origins[index]);

    public TextPiece Slice(int from, int to) => _origins.IsEmpty
        ? new TextPiece(Text[from..to], start + from)
        : new TextPiece(Text[from..to], start, _origins[from..(to + 1)]);

    /// <summary>The piece after a change; <paramref name="origins"/> are positions in this piece.</summary>
    public TextPiece Changed(char[] text, int[] origins)
    {
        for (int i = 0; i < origins.Length; i++)
            origins[i] = Origin(origins[i]) - start;
        return new TextPiece(text, start, origins);
    }

    /// <summary>The same piece behind a character that the text does not have.</summary>
    public TextPiece WithPrefix(char prefix)
    {
        int[] origins = new int[Text.Length + 2];
        for (int i = 0; i <= Text.Length; i++)
            origins[i + 1] = i;
        return Changed([prefix, .. Text], origins);
    }
}
