namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>How text between added tokens is cut into the words that the model sees one by one.</summary>
/// <param name="Steps">The steps, each applied to every part that the one before it leaves.</param>
/// <param name="SpellsBytes">Whether the model sees each byte of a word as a character of the byte-level alphabet.</param>
internal sealed record PreTokenizer(IReadOnlyList<PreTokenizerStep> Steps, bool SpellsBytes)
{
    /// <summary>The scanner that alone cuts all words, where it is so simple.</summary>
    public SplitScanner? Scanner { get; } = Steps is [PatternSplitter { Scanner: { } scanner }] ? scanner : null;
}
