namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python counts code points where .NET counts UTF-16 units; a lone surrogate is one of either.</summary>
internal static class CodePoints
{
    public static int Length(PythonString text) => text.HasSurrogates ? ToCodePoint(text.Text, text.Text.Length) : text.Text.Length;

    /// <summary>The UTF-16 position of a code point.</summary>
    public static int ToUtf16(PythonString text, int codePoint)
    {
        if (!text.HasSurrogates)
            return codePoint;
        int position = 0;
        for (; codePoint > 0; codePoint--)
            position += LengthAt(text.Text, position);
        return position;
    }

    /// <summary>How many code points stand before a UTF-16 position.</summary>
    public static int ToCodePoint(string text, int position)
    {
        int count = 0;
        for (int i = 0; i < position; i += LengthAt(text, i))
            count++;
        return count;
    }

    public static int LengthAt(string text, int position) =>
        char.IsHighSurrogate(text[position]) && position + 1 < text.Length && char.IsLowSurrogate(text[position + 1]) ? 2 : 1;

    public static int ValueAt(string text, int position) =>
        LengthAt(text, position) == 2 ? char.ConvertToUtf32(text[position], text[position + 1]) : text[position];

    /// <summary>The code points as strings of their own, which are no markup.</summary>
    public static object?[] Split(PythonString text)
    {
        text = text.AsPlain();
        object?[] characters = new object?[Length(text)];
        for (int i = 0, position = 0; i < characters.Length; i++)
        {
            int length = LengthAt(text.Text, position);
            characters[i] = text.Slice(position, length);
            position += length;
        }

        return characters;
    }

    /// <summary>The order of Python: by code points, where .NET's ordinal order goes by UTF-16 units.</summary>
    public static int Compare(string left, string right)
    {
        int common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length)
            return left.Length.CompareTo(right.Length);
        bool leftAstral = char.IsSurrogate(left[common]);
        bool rightAstral = char.IsSurrogate(right[common]);
        return leftAstral == rightAstral ? left[common].CompareTo(right[common]) : leftAstral.CompareTo(rightAstral);
    }
}
