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

    /// <summary>The same piece behind a space that the text does not have.</summary>
    public TextPiece WithPrefixSpace()
    {
        char[] text = [' ', .. Text];
        int[] origins = new int[text.Length + 1];
        for (int i = 0; i <= Text.Length; i++)
            origins[i + 1] = Origin(i) - start;
        origins[0] = origins[1];
        return new TextPiece(text, start, origins);
    }
}
