using System.Globalization;
using System.Numerics;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Values as Python prints them, and Python's string functions. Positions in text count code points.</summary>
internal static class PythonText
{
    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        JinjaMarkup => "Markup",
        PythonDict => "dict",
        List<object?> => "list",
        PythonTuple => "tuple",
        PythonRange => "range",
        PythonIterable iterable => iterable.TypeName,
        JinjaUndefined => "Undefined",
        JinjaNamespace => "Namespace",
        JinjaLoop => "LoopContext",
        JinjaFunction => "function",
        _ => value.GetType().Name,
    };

    /// <summary>Python's <c>str(value)</c>.</summary>
    public static string Print(object? value) => value switch
    {
        string text => text,
        JinjaMarkup markup => markup.Text,
        JinjaUndefined => "",
        _ => Represent(value),
    };

    /// <summary>Python's <c>repr(value)</c>.</summary>
    public static string Represent(object? value)
    {
        StringBuilder text = new();
        Represent(value, text);
        return text.ToString();
    }

    /// <summary>Python's <c>str.isspace</c> of one character, which has four control characters that Unicode's white space lacks.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\u001C' and <= '\u001F';

    public static string Strip(string text, string? characters, bool left, bool right)
    {
        HashSet<Rune>? set = characters is null ? null : [.. characters.EnumerateRunes()];
        Rune[] runes = Runes(text);
        int start = 0;
        int end = runes.Length;
        while (left && start < end && Strips(runes[start], set))
            start++;
        while (right && end > start && Strips(runes[end - 1], set))
            end--;
        return start == 0 && end == runes.Length ? text : Join(runes.AsSpan(start..end));
    }

    public static List<object?> Split(string text, string separator, long maxSplits)
    {
        if (separator.Length == 0)
            throw new JinjaException("ValueError", "empty separator");
        List<object?> parts = [];
        int start = 0;
        while (maxSplits < 0 || parts.Count < maxSplits)
        {
            int found = text.IndexOf(separator, start, StringComparison.Ordinal);
            if (found < 0)
                break;
            parts.Add(text[start..found]);
            start = found + separator.Length;
        }

        parts.Add(text[start..]);
        return parts;
    }

    /// <summary>Python's <c>split()</c> without separator: words between runs of white space.</summary>
    public static List<object?> SplitWords(string text, long maxSplits)
    {
        List<object?> words = [];
        for (int start = 0; start < text.Length;)
        {
            if (IsSpace(text[start]))
            {
                start++;
                continue;
            }

            int end = start;
            bool takesRest = maxSplits >= 0 && words.Count == maxSplits;
            while (end < text.Length && (takesRest || !IsSpace(text[end])))
                end++;
            words.Add(takesRest ? Strip(text[start..end], null, left: false, right: true) : text[start..end]);
            start = end;
        }

        return words;
    }

    public static string Replace(string text, string old, string replacement, long count)
    {
        if (old.Length == 0)
            throw JinjaException.Unsupported("Replacing an empty string");
        if (count < 0)
            return text.Replace(old, replacement, StringComparison.Ordinal);
        return string.Join(replacement, Split(text, old, count));
    }

    public static string Lower(string text) => RequireSimpleCase(text).ToLowerInvariant();

    public static string Upper(string text) => RequireSimpleCase(text).ToUpperInvariant();

    public static string Capitalize(string text)
    {
        Rune[] runes = Runes(RequireSimpleCase(text));
        return runes.Length == 0 ? "" : Rune.ToUpperInvariant(runes[0]) + Lower(Join(runes.AsSpan(1)));
    }

    /// <summary>The first letter of each run of letters upper, the others lower.</summary>
    public static string Title(string text)
    {
        StringBuilder title = new(text.Length);
        bool inWord = false;
        foreach (Rune rune in RequireSimpleCase(text).EnumerateRunes())
        {
            title.Append(inWord ? Rune.ToLowerInvariant(rune) : Rune.ToUpperInvariant(rune));
            inWord = Rune.IsLetter(rune);
        }

        return title.ToString();
    }

    /// <summary>The number of code points; a lone surrogate counts as one, as in Python.</summary>
    public static int Length(string text)
    {
        int pairs = 0;
        for (int i = 0; i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1]))
                pairs++;
        }

        return text.Length - pairs;
    }

    /// <summary>The code points as strings of their own.</summary>
    public static List<object?> Characters(string text)
    {
        List<object?> characters = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            int length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            characters.Add(text.Substring(i, length));
            i += length - 1;
        }

        return characters;
    }

    private static bool Strips(Rune rune, HashSet<Rune>? set) =>
        set?.Contains(rune) ?? (rune.IsBmp && IsSpace((char)rune.Value));

    /// <summary>Python maps these to several characters or by their place in a word; .NET's tables have one character for one.</summary>
    private static string RequireSimpleCase(string text)
    {
        foreach (char character in text)
        {
            if (character is '\u00DF' or '\u0130' or '\u0149' or '\u01F0' or '\u0390' or '\u03A3' or '\u03B0' or '\u0587'
                or (>= '\u01C4' and <= '\u01CC') or (>= '\u01F1' and <= '\u01F3') or (>= '\u1E96' and <= '\u1E9E')
                or (>= '\u1F50' and <= '\u1FFC') or (>= '\uFB00' and <= '\uFB17'))
            {
                throw JinjaException.Unsupported($"Changing the case of '{character}'");
            }
        }

        return text;
    }

    private static Rune[] Runes(string text) => [.. text.EnumerateRunes()];

    private static string Join(ReadOnlySpan<Rune> runes)
    {
        StringBuilder text = new(runes.Length);
        foreach (Rune rune in runes)
            text.Append(rune);
        return text.ToString();
    }

    private static void Represent(object? value, StringBuilder text)
    {
        JinjaLimits.CheckStack();
        JinjaLimits.CheckLength(text);
        switch (value)
        {
            case null: text.Append("None"); break;
            case bool flag: text.Append(flag ? "True" : "False"); break;
            case long or BigInteger: text.Append(CultureInfo.InvariantCulture, $"{value}"); break;
            case double number: text.Append(PythonNumbers.FormatFloat(number)); break;
            case string literal: RepresentString(literal, text); break;
            case JinjaMarkup markup: text.Append("Markup("); RepresentString(markup.Text, text); text.Append(')'); break;
            case JinjaUndefined: text.Append("Undefined"); break;
            case List<object?> list: RepresentItems(list, '[', ']', text); break;
            case PythonTuple { Items: [var only] }: text.Append('('); Represent(only, text); text.Append(",)"); break;
            case PythonTuple tuple: RepresentItems(tuple.Items, '(', ')', text); break;
            case PythonDict dict: RepresentDict(dict, text); break;
            case JinjaNamespace space: text.Append("<Namespace "); RepresentDict(space.Attributes, text); text.Append('>'); break;
            case PythonRange { Step: 1 } range: text.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop})"); break;
            case PythonRange range: text.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}, {range.Step})"); break;
            default: throw JinjaException.Unsupported($"Printing a {TypeName(value)}");
        }
    }

    private static void RepresentItems(IReadOnlyList<object?> items, char open, char close, StringBuilder text)
    {
        text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            text.Append(i > 0 ? ", " : "");
            Represent(items[i], text);
        }

        text.Append(close);
    }

    private static void RepresentDict(PythonDict dict, StringBuilder text)
    {
        text.Append('{');
        bool first = true;
        foreach ((object key, object? value) in dict)
        {
            text.Append(first ? "" : ", ");
            first = false;
            Represent(PythonDict.KeyValue(key), text);
            text.Append(": ");
            Represent(value, text);
        }

        text.Append('}');
    }

    private static void RepresentString(string value, StringBuilder text)
    {
        char quote = value.Contains('\'', StringComparison.Ordinal) && !value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        foreach (object? character in Characters(value))
            RepresentCharacter((string)character!, quote, text);
        text.Append(quote);
    }

    private static void RepresentCharacter(string character, char quote, StringBuilder text)
    {
        int code = character.Length == 2 ? char.ConvertToUtf32(character, 0) : character[0];
        switch (code)
        {
            case '\n': text.Append("\\n"); break;
            case '\r': text.Append("\\r"); break;
            case '\t': text.Append("\\t"); break;
            case '\\': text.Append("\\\\"); break;
            case '\'' or '"' when code == quote: text.Append('\\').Append(quote); break;
            case ' ': text.Append(' '); break;
            case var _ when IsPrintable(character): text.Append(character); break;
            case <= 0xFF: text.Append(CultureInfo.InvariantCulture, $"\\x{code:x2}"); break;
            case <= 0xFFFF: text.Append(CultureInfo.InvariantCulture, $"\\u{code:x4}"); break;
            default: text.Append(CultureInfo.InvariantCulture, $"\\U{code:x8}"); break;
        }
    }

    private static bool IsPrintable(string character) => CharUnicodeInfo.GetUnicodeCategory(character, 0) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);
}
