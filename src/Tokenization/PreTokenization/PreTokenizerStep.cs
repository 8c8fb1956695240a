namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>One step on the way from text to words: it may change a text, and cuts it. Thread-safe.</summary>
internal abstract class PreTokenizerStep
{
    /// <summary>The text before it is cut.</summary>
    /// <param name="piece">A text that is not empty.</param>
    public virtual TextPiece Change(scoped in TextPiece piece) => piece;

    /// <summary>
    /// The next part of a text, from left to right; parts that are empty are left out by the caller. Returns false behind the last one.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="position">Where to go on: 0 at first, then what the last call left there.</param>
    /// <param name="start">Where the part begins.</param>
    /// <param name="end">Where it ends.</param>
    public virtual bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end)
    {
        start = position;
        end = position = text.Length;
        return start < end;
    }
}
