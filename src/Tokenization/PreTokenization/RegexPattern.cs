using System.Text;
using AgentRollout.Tokenization.PreTokenization.Regex;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>A regular expression. Its empty matches cut what lies between the others.</summary>
internal sealed class RegexPattern(SplitRegex regex) : TextPattern
{
    public override bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        bool found = regex.TryFind(text, from, out start, out end);
        if (!found || start < end || start > from)
            return found;
        // An empty match where another part begins cuts nothing.
        Rune.DecodeFromUtf16(text[from..], out _, out int length);
        return length > 0 && regex.TryFind(text, from + length, out start, out end);
    }
}
