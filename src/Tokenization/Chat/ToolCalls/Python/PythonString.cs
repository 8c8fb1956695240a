using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls.Python;

/// <summary>Reads one Python string literal, in any of its four quotings.</summary>
internal static class PythonString
{
    /// <summary>Appends the string's value and moves behind it.</summary>
    /// <exception cref="PythonSyntaxException">The string is not closed or has a broken escape.</exception>
    public static void Read(string text, ref int position, bool isRaw, StringBuilder value)
    {
        char quote = text[position];
        string closing = text.AsSpan(position).StartsWith(new string(quote, 3)) ? new string(quote, 3) : quote.ToString();
        position += closing.Length;
        while (position < text.Length)
        {
            if (text.AsSpan(position).StartsWith(closing))
            {
                position += closing.Length;
                return;
            }

            char c = text[position++];
            if (c != '\\' || position == text.Length)
                value.Append(c);
            else if (isRaw)
                value.Append(c).Append(text[position++]);
            else
                ReadEscape(text, ref position, value);
        }

        throw new PythonSyntaxException($"a text is not closed; end it with {closing}");
    }

    private static void ReadEscape(string text, ref int position, StringBuilder value)
    {
        char c = text[position++];
        switch (c)
        {
            case '\n':
                break;
            case 'n' or 't' or 'r' or 'a' or 'b' or 'f' or 'v':
                value.Append("\n\t\r\a\b\f\v"["ntrabfv".IndexOf(c, StringComparison.Ordinal)]);
                break;
            case '\\' or '\'' or '"':
                value.Append(c);
                break;
            case 'x':
                value.Append((char)Hex(text, ref position, 2));
                break;
            case 'u':
                ReadUnit(text, ref position, value);
                break;
            case 'U':
                int rune = Hex(text, ref position, 8);
                value.Append(Rune.IsValid(rune) ? new Rune(rune).ToString() : throw Broken());
                break;
            case >= '0' and <= '7':
                ReadOctal(text, ref position, value);
                break;
            default:
                value.Append('\\').Append(c); // as Python keeps it
                break;
        }
    }

    /// <summary>Two halves of a surrogate pair, as JSON writes them, are one character.</summary>
    private static void ReadUnit(string text, ref int position, StringBuilder value)
    {
        char unit = (char)Hex(text, ref position, 4);
        if (!char.IsSurrogate(unit))
        {
            value.Append(unit);
            return;
        }

        if (!text.AsSpan(position).StartsWith("\\u", StringComparison.Ordinal))
            throw Broken();
        position += 2;
        char low = (char)Hex(text, ref position, 4);
        if (!char.IsSurrogatePair(unit, low))
            throw Broken();
        value.Append(unit).Append(low);
    }

    private static void ReadOctal(string text, ref int position, StringBuilder value)
    {
        int code = text[position - 1] - '0';
        for (int i = 0; i < 2 && position < text.Length && text[position] is >= '0' and <= '7'; i++)
            code = (code * 8) + text[position++] - '0';
        value.Append((char)code);
    }

    private static int Hex(string text, ref int position, int count)
    {
        if (position + count > text.Length
            || !int.TryParse(text.AsSpan(position, count), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code))
        {
            throw Broken();
        }

        position += count;
        return code;
    }

    private static PythonSyntaxException Broken() => new("a text has a broken \\ escape; write the character itself");
}
