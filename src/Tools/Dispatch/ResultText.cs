using System.Text;

namespace AgentRollout.Tools.Dispatch;

/// <summary>Makes a tool's output fit to be read by a model and carried by a bus.</summary>
internal static class ResultText
{
    /// <summary>
    /// Well-formed UTF-16 within a limit: a lone surrogate becomes U+FFFD, and of a longer text one side or the middle is left out, with one
    /// sentence in its place that says how much.
    /// </summary>
    public static (string Text, ResultCut? Cut) Limit(string text, ResultLimit limit)
    {
        if (text.Length <= limit.MaxCharacters)
            return (WellFormed(text), null);
        int kept = Math.Max(0, limit.MaxCharacters - ResultCut.NoticeLength);
        int head = limit.Truncate switch
        {
            Truncation.Left => 0,
            Truncation.Right => kept,
            _ => kept - kept / 2,
        };
        int tail = text.Length - (kept - head);
        if (head > 0 && char.IsHighSurrogate(text[head - 1]))
            head--;
        if (tail < text.Length && char.IsLowSurrogate(text[tail]))
            tail++;
        string cut = ResultCut.Join(text.AsSpan(0, head), text.AsSpan(tail), text.Length);
        return (WellFormed(cut), new ResultCut(head, text.Length - tail, text.Length));
    }

    /// <summary>Of the same length as the text.</summary>
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
