using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary><c>\w+|[^\w\s]+</c>: runs of word characters, and runs of what is neither that nor white space.</summary>
internal sealed class WordPattern : TextPattern
{
    private enum Kind
    {
        Word,
        Space,
        Other,
    }

    public override bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = from;
        while (start < text.Length && KindAt(text, start, out int length) == Kind.Space)
            start += length;
        end = start;
        if (start == text.Length)
            return false;
        Kind kind = KindAt(text, start, out int first);
        end += first;
        while (end < text.Length && KindAt(text, end, out int length) == kind)
            end += length;
        return true;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int position, out int length)
    {
        Rune.DecodeFromUtf16(text[position..], out Rune rune, out length);
        if (WordCharacters.Contains(rune))
            return Kind.Word;
        return Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other;
    }
}
