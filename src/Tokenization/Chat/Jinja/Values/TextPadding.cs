namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Text made to a width, which counts code points.</summary>
internal static class TextPadding
{
    /// <summary>Fills up to a width; alignment as in format specifications, where the middle of Python's <c>str.center</c> leans left or right by parity.</summary>
    public static PythonString Pad(PythonString text, long width, PythonString fill, char alignment)
    {
        long missing = width - CodePoints.Length(text);
        if (missing <= 0)
            return text;
        JinjaLimits.CheckLength(width);
        long left = alignment switch { '<' => 0, '>' => missing, _ => (missing / 2) + (missing & width & 1) };
        return Surround(text, (int)left, (int)(missing - left), fill);
    }

    public static PythonString Surround(PythonString text, int left, int right, PythonString fill)
    {
        TextBuilder padded = new(text.Text.Length + ((left + right) * fill.Text.Length));
        for (int i = 0; i < left; i++)
            padded.Append(fill);
        padded.Append(text);
        for (int i = 0; i < right; i++)
            padded.Append(fill);
        return text.IsMarkup ? padded.ToPythonString().AsMarkup() : padded.ToPythonString();
    }

    public static PythonString ExpandTabs(PythonString text, long size)
    {
        TextBuilder expanded = new(text.Text.Length + 16);
        long column = 0;
        for (int i = 0; i < text.Text.Length; i += CodePoints.LengthAt(text.Text, i))
        {
            char character = text.Text[i];
            if (character == '\t')
            {
                long spaces = size > 0 ? size - (column % size) : 0;
                JinjaLimits.CheckLength(spaces);
                expanded.Repeat(' ', (int)spaces);
                column += spaces;
                continue;
            }

            expanded.Append(text.Slice(i, CodePoints.LengthAt(text.Text, i)));
            column = character is '\n' or '\r' ? 0 : column + 1;
        }

        return text.IsMarkup ? expanded.ToPythonString().AsMarkup() : expanded.ToPythonString();
    }
}
