using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>NFC, NFD, NFKC or NFKD. Text in the form already, nearly all there is, is only looked at.</summary>
/// <param name="form">The form's data, made when a character first asks for it.</param>
/// <param name="firstAffected">No character below it is changed by the form or joins another.</param>
internal sealed class FormNormalizer(Func<UnicodeForm> form, char firstAffected) : Normalizer
{
    public static FormNormalizer Nfc { get; } = new(() => UnicodeForm.Nfc, '\u0300');

    public static FormNormalizer Nfd { get; } = new(() => UnicodeForm.Nfd, '\u00C0');

    public static FormNormalizer Nfkc { get; } = new(() => UnicodeForm.Nfkc, '\u00A0');

    public static FormNormalizer Nfkd { get; } = new(() => UnicodeForm.Nfkd, '\u00A0');

    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        for (int position = NextAffected(text, 0); position < text.Length;)
        {
            (int start, int end) = UnorderlyRun(text, position);
            if (start < end)
                Rewrite(text, start, end, ref rewriter);
            position = NextAffected(text, end);
        }

        return rewriter.TryFinish(out changed, out origins);
    }

    private int NextAffected(ReadOnlySpan<char> text, int from)
    {
        int offset = text[from..].IndexOfAnyInRange(firstAffected, char.MaxValue);
        return offset < 0 ? text.Length : from + offset;
    }

    /// <summary>
    /// The next run, from one stable character to the next, that may not be in the form: the quick check of UAX #15, section 9. It is
    /// empty where all affected characters that follow each other here are in the form.
    /// </summary>
    private (int Start, int End) UnorderlyRun(ReadOnlySpan<char> text, int position)
    {
        UnicodeForm data = form();
        // What stands directly before is not affected, so it is stable; the first affected character may join it.
        int runStart = Math.Max(position - 1, 0);
        byte lastClass = 0;
        while (position < text.Length && text[position] >= firstAffected)
        {
            // A lone surrogate reads as U+FFFD, which is stable.
            Rune.DecodeFromUtf16(text[position..], out Rune rune, out int length);
            byte value = data.CombiningClass(rune.Value);
            if (!data.IsStableInOrder(rune.Value) || (value != 0 && value < lastClass))
                return (runStart, RunEnd(data, text, position + length));
            if (value == 0)
                runStart = position;
            lastClass = value;
            position += length;
        }

        return (position, position);
    }

    private static int RunEnd(UnicodeForm data, ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length)
        {
            Rune.DecodeFromUtf16(text[position..], out Rune rune, out int length);
            if (data.IsStable(rune.Value))
                break;
            position += length;
        }

        return position;
    }

    private void Rewrite(ReadOnlySpan<char> text, int start, int end, ref TextRewriter rewriter)
    {
        List<int> run = [];
        for (int position = start; position < end;)
        {
            Rune.DecodeFromUtf16(text[position..end], out Rune rune, out int length);
            run.Add(rune.Value);
            position += length;
        }

        List<int> characters = form().Apply(run);
        if (characters.SequenceEqual(run))
            return;
        int same = 0; // characters at the beginning that stay keep their own positions
        for (; same < Math.Min(characters.Count, run.Count) && characters[same] == run[same]; same++)
            start += run[same] > char.MaxValue ? 2 : 1;
        StringBuilder replacement = new(characters.Count);
        foreach (int character in characters.Skip(same))
            replacement.Append(new Rune(character));
        rewriter.Replace(start, end, replacement.ToString());
    }
}
