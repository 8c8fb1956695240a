namespace AgentRollout.Tokenization.Normalization;

/// <summary>Changes text before it is cut into words. Thread-safe.</summary>
internal abstract class Normalizer
{
    /// <summary>
    /// Normalizes a text. Returns false, and leaves the results empty, where nothing changes. <paramref name="origins"/> gives for each
    /// character of <paramref name="changed"/>, and for its end, the position in the text that it came from; it never falls.
    /// </summary>
    public abstract bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins);

    /// <summary>The whole text, normalized.</summary>
    public string Change(string text) => TryChange(text, out char[] changed, out _) ? new string(changed) : text;
}
