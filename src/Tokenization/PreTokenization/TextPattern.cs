using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>What splits a text: a pattern with matches that are never empty. Thread-safe.</summary>
internal abstract class TextPattern
{
    /// <summary>The first match that begins at or after <paramref name="from"/>, which is 0, the end of a match or the start of one.</summary>
    public abstract bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end);

    /// <summary>The text with every match replaced.</summary>
    public string Replace(string text, string content)
    {
        StringBuilder replaced = new();
        int copied = 0;
        while (TryFind(text, copied, out int start, out int end))
        {
            replaced.Append(text, copied, start - copied).Append(content);
            copied = end;
        }

        return copied == 0 ? text : replaced.Append(text, copied, text.Length - copied).ToString();
    }
}
