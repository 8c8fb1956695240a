namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's <c>strip</c>, <c>split</c> and their kin. The parts know where they come from.</summary>
internal static class TextSplitting
{
    /// <summary>Takes characters off the ends: white space, or any of those given.</summary>
    public static PythonString Strip(PythonString text, PythonString? characters, bool left, bool right)
    {
        string value = text.Text;
        int start = 0;
        int end = value.Length;
        while (left && start < end && Strips(value, start, characters))
            start += CodePoints.LengthAt(value, start);
        while (right && end > start)
        {
            int last = end - 1;
            if (last > start && char.IsLowSurrogate(value[last]) && char.IsHighSurrogate(value[last - 1]))
                last--;
            if (!Strips(value, last, characters))
                break;
            end = last;
        }

        return text.Slice(start, end - start);
    }

    /// <summary>The parts between separators; a negative count is none.</summary>
    public static List<PythonString> Split(PythonString text, string separator, long maxSplits)
    {
        CheckSeparator(separator);
        List<PythonString> parts = [];
        int start = 0;
        while (maxSplits < 0 || parts.Count < maxSplits)
        {
            int found = text.Text.AsSpan(start).IndexOf(separator);
            if (found < 0)
                break;
            parts.Add(text.Slice(start, found));
            start += found + separator.Length;
        }

        parts.Add(text.Slice(start, text.Text.Length - start));
        return parts;
    }

    public static List<PythonString> SplitFromEnd(PythonString text, string separator, long maxSplits)
    {
        CheckSeparator(separator);
        List<PythonString> parts = [];
        int end = text.Text.Length;
        while (maxSplits < 0 || parts.Count < maxSplits)
        {
            int found = text.Text.AsSpan(0, end).LastIndexOf(separator);
            if (found < 0)
                break;
            parts.Add(text.Slice(found + separator.Length, end - found - separator.Length));
            end = found;
        }

        parts.Add(text.Slice(0, end));
        parts.Reverse();
        return parts;
    }

    /// <summary>The words between runs of white space; the last takes the rest where the count is reached.</summary>
    public static List<PythonString> Words(PythonString text, long maxSplits)
    {
        string value = text.Text;
        List<PythonString> words = [];
        for (int start = 0; start < value.Length;)
        {
            if (Unicode.IsSpace(value[start]))
            {
                start++;
                continue;
            }

            if (maxSplits >= 0 && words.Count == maxSplits)
            {
                words.Add(text.Slice(start, value.Length - start));
                break;
            }

            int end = start;
            while (end < value.Length && !Unicode.IsSpace(value[end]))
                end++;
            words.Add(text.Slice(start, end - start));
            start = end;
        }

        return words;
    }

    public static List<PythonString> WordsFromEnd(PythonString text, long maxSplits)
    {
        string value = text.Text;
        List<PythonString> words = [];
        for (int end = value.Length; end > 0;)
        {
            if (Unicode.IsSpace(value[end - 1]))
            {
                end--;
                continue;
            }

            if (maxSplits >= 0 && words.Count == maxSplits)
            {
                words.Add(text.Slice(0, end));
                break;
            }

            int start = end;
            while (start > 0 && !Unicode.IsSpace(value[start - 1]))
                start--;
            words.Add(text.Slice(start, end - start));
            end = start;
        }

        words.Reverse();
        return words;
    }

    public static List<PythonString> Lines(PythonString text, bool keepEnds)
    {
        string value = text.Text;
        List<PythonString> lines = [];
        for (int start = 0; start < value.Length;)
        {
            int end = start;
            while (end < value.Length && !Unicode.IsLineBreak(value[end]))
                end++;
            int next = end < value.Length ? end + 1 : end;
            if (next < value.Length && value[end] == '\r' && value[next] == '\n')
                next++;
            lines.Add(text.Slice(start, (keepEnds ? next : end) - start));
            start = next;
        }

        return lines;
    }

    public static PythonString Replace(PythonString text, PythonString old, PythonString replacement, long count)
    {
        if (text.IsTemplate && replacement.IsTemplate && count < 0 && old.Text.Length > 0 && !text.IsMarkup)
        {
            JinjaLimits.CheckLength(text.Text.Length + ((Int128)text.Text.Length / old.Text.Length * replacement.Text.Length));
            return text.Derive(text.Text.Replace(old.Text, replacement.Text, StringComparison.Ordinal));
        }

        List<PythonString> parts = old.Text.Length > 0 ? Split(text, old.Text, count) : BetweenCharacters(text, count);
        if (parts.Count == 1)
            return text;
        TextBuilder replaced = new(text.Text.Length + 16);
        for (int i = 0; i < parts.Count; i++)
        {
            if (i > 0)
                replaced.Append(replacement);
            replaced.Append(parts[i]);
        }

        return text.IsMarkup ? replaced.ToPythonString().AsMarkup() : replaced.ToPythonString();
    }

    /// <summary>An empty string is found before each character and at the end.</summary>
    private static List<PythonString> BetweenCharacters(PythonString text, long count)
    {
        List<PythonString> parts = [PythonString.Empty];
        int position = 0;
        while (position < text.Text.Length && (count < 0 || parts.Count < count))
        {
            int length = CodePoints.LengthAt(text.Text, position);
            parts.Add(text.Slice(position, length));
            position += length;
        }

        PythonString rest = text.Slice(position, text.Text.Length - position);
        if (count >= 0 && parts.Count > count)
            return count == 0 ? [text] : [.. parts[..^1], Join(parts[^1], rest)];
        parts.Add(rest);
        return parts;
    }

    private static PythonString Join(PythonString left, PythonString right) => (PythonString)PythonOperators.Add(left, right)!;

    private static bool Strips(string value, int position, PythonString? characters)
    {
        if (characters is null)
            return Unicode.IsSpace(value[position]);
        return characters.Text.AsSpan().Contains(value.AsSpan(position, CodePoints.LengthAt(value, position)), StringComparison.Ordinal);
    }

    private static void CheckSeparator(string separator)
    {
        if (separator.Length == 0)
            throw JinjaException.Value("empty separator");
    }
}
