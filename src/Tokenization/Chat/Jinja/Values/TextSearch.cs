using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's <c>find</c>, <c>count</c>, <c>startswith</c> and questions about all characters of a text.</summary>
internal static class TextSearch
{
    public static PythonString Text(object? value) => value switch
    {
        PythonString text => text,
        JinjaUndefined undefined => throw undefined.Error,
        _ => throw JinjaException.Type($"must be str, not {PythonTypes.Name(value)}"),
    };

    public static bool HasAffix(string name, PythonString text, Arguments arguments, bool atEnd)
    {
        object?[] bound = arguments.BindPositional(name, 1, 3);
        if (!TryWindow(text, bound, out int start, out int end))
            return false;
        ReadOnlySpan<char> window = text.Text.AsSpan(start, end - start);
        switch (bound[0])
        {
            case PythonString affix:
                return Has(window, affix, atEnd);
            case PythonTuple affixes:
                foreach (object? affix in affixes.Items)
                {
                    if (affix is not PythonString part)
                        throw JinjaException.Type($"tuple for {name} must only contain str, not {PythonTypes.Name(affix)}");
                    if (Has(window, part, atEnd))
                        return true;
                }

                return false;
            default:
                throw JinjaException.Type($"{name} first arg must be str or a tuple of str, not {PythonTypes.Name(bound[0])}");
        }
    }

    /// <summary>The position of a part in code points, or -1.</summary>
    public static long Find(string name, PythonString text, Arguments arguments, bool fromEnd)
    {
        object?[] bound = arguments.BindPositional(name, 1, 3);
        PythonString part = Text(bound[0]);
        if (!TryWindow(text, bound, out int start, out int end))
            return -1;
        ReadOnlySpan<char> window = text.Text.AsSpan(start, end - start);
        int found = part.IsEmpty ? (fromEnd ? window.Length : 0) : fromEnd ? window.LastIndexOf(part.Text) : window.IndexOf(part.Text);
        if (found < 0)
            return -1;
        return text.HasSurrogates ? CodePoints.ToCodePoint(text.Text, start + found) : start + found;
    }

    public static object Index(string name, PythonString text, Arguments arguments, bool fromEnd)
    {
        long found = Find(name, text, arguments, fromEnd);
        return found >= 0 ? Boxed.From(found) : throw JinjaException.Value("substring not found");
    }

    public static long Count(PythonString text, Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("count", 1, 3);
        PythonString part = Text(bound[0]);
        if (!TryWindow(text, bound, out int start, out int end))
            return 0;
        if (part.IsEmpty)
            return CodePoints.ToCodePoint(text.Text, end) - CodePoints.ToCodePoint(text.Text, start) + 1;
        return text.Text.AsSpan(start, end - start).Count(part.Text);
    }

    public static bool All(string text, Func<int, bool> test)
    {
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            if (!test(CodePoints.ValueAt(text, i)))
                return false;
        }

        return text.Length > 0;
    }

    public static bool IsLower(string text) => HasOnly(text, Unicode.IsLower, code => Unicode.IsUpper(code) || Unicode.IsTitle(code));

    public static bool IsUpper(string text) => HasOnly(text, Unicode.IsUpper, code => Unicode.IsLower(code) || Unicode.IsTitle(code));

    /// <summary>Whether each run of cased characters begins with an upper one and goes on with lower ones.</summary>
    public static bool IsTitle(string text)
    {
        bool inWord = false;
        bool any = false;
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int code = CodePoints.ValueAt(text, i);
            bool isCapital = Unicode.IsUpper(code) || Unicode.IsTitle(code);
            if (isCapital ? inWord : Unicode.IsLower(code) && !inWord)
                return false;
            inWord = Unicode.IsCased(code);
            any |= inWord;
        }

        return any;
    }

    private static bool HasOnly(string text, Func<int, bool> wanted, Func<int, bool> refused)
    {
        bool any = false;
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int code = CodePoints.ValueAt(text, i);
            if (refused(code))
                return false;
            any |= wanted(code);
        }

        return any;
    }

    private static bool Has(ReadOnlySpan<char> window, PythonString affix, bool atEnd) =>
        atEnd ? window.EndsWith(affix.Text) : window.StartsWith(affix.Text);

    /// <summary>The part of the text between the optional second and third argument, as a slice would bound it; false where it begins beyond the end.</summary>
    private static bool TryWindow(PythonString text, object?[] bound, out int start, out int end)
    {
        (start, end) = (0, text.Text.Length);
        if (bound[1] == Arguments.Absent && bound[2] == Arguments.Absent)
            return true;
        int length = CodePoints.Length(text);
        long first = Bound(bound[1], length, 0);
        long last = Math.Min(Bound(bound[2], length, length), length);
        if (first > last)
            return false;
        start = CodePoints.ToUtf16(text, (int)first);
        end = CodePoints.ToUtf16(text, (int)last);
        return true;
    }

    private static long Bound(object? value, int length, long fallback)
    {
        if (value is null || value == Arguments.Absent)
            return fallback;
        if (!PythonNumbers.IsInteger(value))
            throw JinjaException.Type("slice indices must be integers or None or have an __index__ method");
        long position = PythonNumbers.ToLong(value);
        return position < 0 ? Math.Max(position + length, 0) : position;
    }
}
