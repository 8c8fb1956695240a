using System.Globalization;
using System.Text;

namespace AgentRollout.Tools.Dispatch;

/// <summary>Makes a tool's output fit to be read by a model and carried by a bus.</summary>
internal static class ResultText
{
    private const int NoticeLength = 64;

    /// <summary>
    /// Well-formed UTF-16 of at most <paramref name="maxCharacters"/>: a lone surrogate becomes U+FFFD, and from a longer text the middle is
    /// left out, with one sentence in its place that says how much.
    /// </summary>
    public static string Limit(string text, int maxCharacters) => WellFormed(text.Length <= maxCharacters ? text : Cut(text, maxCharacters));

    private static string Cut(string text, int maxCharacters)
    {
        int kept = maxCharacters - NoticeLength;
        int head = kept - kept / 2;
        int tail = text.Length - kept / 2;
        if (char.IsHighSurrogate(text[head - 1]))
            head--;
        if (char.IsLowSurrogate(text[tail]))
            tail++;
        return string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, head)}\n[{tail - head} characters are left out here.]\n{text.AsSpan(tail)}");
    }

    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
            return text;
        var wellFormed = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            wellFormed.Append(rune);
        return wellFormed.ToString();
    }
}
