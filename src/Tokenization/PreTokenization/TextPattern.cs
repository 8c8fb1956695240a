namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>What splits a text. Thread-safe.</summary>
internal abstract class TextPattern
{
    /// <summary>
    /// The first match that begins at or after <paramref name="from"/>, which is 0, the end of a match or the start of one; it may be empty
    /// only where it begins after that.
    /// </summary>
    public abstract bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end);
}
