using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Unicode's canonical composition, which keeps the way back to the positions of the text it was given.</summary>
internal static class NfcNormalizer
{
    /// <summary>Characters below this one are never changed by NFC and never join what stands before them.</summary>
    private const char FirstUnsafe = '\u0300';

    /// <summary>The one code point that .NET's normalization refuses although it is a valid scalar.</summary>
    private const char RefusedByRuntime = '\uFFFE';

    /// <summary>Fails where the runtime has no Unicode tables (invariant globalization): there normalization silently does nothing.</summary>
    public static void RequireUnicodeTables()
    {
        if ("e\u0301".Normalize(NormalizationForm.FormC) != "\u00E9")
        {
            throw new TokenizerException(
                "The tokenizer's normalizer 'NFC' needs ICU, which this process lacks; install ICU and unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT.");
        }
    }

    /// <summary>
    /// Normalizes a text. Returns false, and leaves the results empty, where the text is normalized already.
    /// <paramref name="origins"/> gives for each character of <paramref name="normalized"/>, and its end, a position in the text; inside a
    /// run that changed it is the start of that run.
    /// </summary>
    public static bool TryChange(ReadOnlySpan<char> text, out char[] normalized, out int[] origins)
    {
        normalized = [];
        origins = [];
        int firstUnsafe = text.IndexOfAnyInRange(FirstUnsafe, char.MaxValue);
        if (firstUnsafe < 0)
            return false;

        StringBuilder? changed = null;
        List<int> originList = [];
        int copied = 0;
        for (int start = firstUnsafe; start < text.Length;)
        {
            (int runStart, int runEnd) = UnsafeRun(text, start);
            if (!IsNormalized(text[runStart..runEnd], out string? composed))
            {
                changed ??= new StringBuilder(text.Length);
                Copy(text, copied, runStart, changed, originList);
                changed.Append(composed);
                originList.AddRange(Enumerable.Repeat(runStart, composed!.Length));
                copied = runEnd;
            }

            int following = text[runEnd..].IndexOfAnyInRange(FirstUnsafe, char.MaxValue);
            start = following < 0 ? text.Length : runEnd + following;
        }

        if (changed is null)
            return false;
        Copy(text, copied, text.Length, changed, originList);
        originList.Add(text.Length);
        normalized = changed.ToString().ToCharArray();
        origins = [.. originList];
        return true;
    }

    /// <summary>
    /// The characters around <paramref name="position"/> that may act on each other: the safe character before, since a mark may join it, and
    /// all unsafe ones. U+FFFE, which joins nothing, is a run of its own.
    /// </summary>
    private static (int Start, int End) UnsafeRun(ReadOnlySpan<char> text, int position)
    {
        if (text[position] == RefusedByRuntime)
            return (position, position + 1);
        int start = position > 0 && text[position - 1] < FirstUnsafe ? position - 1 : position;
        int end = position;
        while (end < text.Length && text[end] >= FirstUnsafe && text[end] != RefusedByRuntime)
            end++;
        return (start, end);
    }

    private static bool IsNormalized(ReadOnlySpan<char> run, out string? composed)
    {
        composed = null;
        if (run is [RefusedByRuntime])
            return true;
        string text = run.ToString();
        string valid = HasLoneSurrogate(text) ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
        composed = valid.Normalize(NormalizationForm.FormC);
        return composed == text;
    }

    private static bool HasLoneSurrogate(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out int length) != System.Buffers.OperationStatus.Done)
                return true;
            text = text[length..];
        }

        return false;
    }

    private static void Copy(ReadOnlySpan<char> text, int from, int to, StringBuilder target, List<int> origins)
    {
        target.Append(text[from..to]);
        for (int i = from; i < to; i++)
            origins.Add(i);
    }
}
