using System.Globalization;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>
/// Python's format specification, <c>[[fill]align][sign][z][#][0][width][grouping][.precision][type]</c>; see "Format Specification
/// Mini-Language" in Python's documentation of <c>string</c>.
/// </summary>
internal sealed record FormatSpec
{
    public string Fill { get; init; } = " ";

    /// <summary>One of <c>&lt; &gt; = ^</c>; null for the type's own.</summary>
    public char? Alignment { get; init; }

    public char Sign { get; init; } = '-';

    public bool NoNegativeZero { get; init; }

    public bool Alternate { get; init; }

    public int Width { get; init; }

    /// <summary><c>,</c> or <c>_</c> between groups of digits.</summary>
    public char? Grouping { get; init; }

    public int? Precision { get; init; }

    /// <summary>The type's letter; null for none.</summary>
    public char? Type { get; init; }

    public static PythonString Format(object? value, string specification)
    {
        if (specification.Length == 0)
            return PythonPrinter.ToText(value);
        if (value is JinjaUndefined or null or not (PythonString or bool or long or BigInteger or double))
            throw JinjaException.Type($"unsupported format string passed to {PythonTypes.Name(value)}.__format__");
        FormatSpec spec = Parse(specification, PythonTypes.Name(value));
        return value switch
        {
            PythonString text => spec.FormatText(text),
            double number => spec.FormatFloat(number),
            bool when spec.Type is null => spec.FormatInteger(value),
            _ when spec.Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' => spec.FormatFloat(PythonNumbers.ToDouble(value)),
            _ => spec.FormatInteger(value),
        };
    }

    private static FormatSpec Parse(string text, string typeName)
    {
        FormatSpec spec = new();
        int position = 0;
        int fillLength = CodePoints.LengthAt(text, 0);
        if (fillLength < text.Length && IsAlignment(text[fillLength]))
        {
            spec = spec with { Fill = text[..fillLength], Alignment = text[fillLength] };
            position = fillLength + 1;
        }
        else if (IsAlignment(text[0]))
        {
            spec = spec with { Alignment = text[0] };
            position = 1;
        }

        if (position < text.Length && text[position] is '+' or '-' or ' ')
            spec = spec with { Sign = text[position++] };
        if (Take('z'))
            spec = spec with { NoNegativeZero = true };
        if (Take('#'))
            spec = spec with { Alternate = true };
        if (Take('0'))
            spec = spec with { Fill = spec.Alignment is null ? "0" : spec.Fill, Alignment = spec.Alignment ?? (typeName is "str" or "Markup" ? '<' : '=') };
        spec = spec with { Width = Number(text, ref position) ?? 0 };
        if (position < text.Length && text[position] is ',' or '_')
            spec = spec with { Grouping = text[position++] };
        if (Take('.'))
            spec = spec with { Precision = Number(text, ref position) ?? throw JinjaException.Value("Format specifier missing precision") };
        if (position < text.Length)
            spec = spec with { Type = text[position++] };
        return position == text.Length ? spec : throw JinjaException.Value($"Invalid format specifier '{text}' for object of type '{typeName}'");

        bool Take(char expected)
        {
            if (position >= text.Length || text[position] != expected)
                return false;
            position++;
            return true;
        }
    }

    private static int? Number(string text, ref int position)
    {
        int start = position;
        while (position < text.Length && char.IsAsciiDigit(text[position]))
            position++;
        if (position == start)
            return null;
        if (!int.TryParse(text.AsSpan(start..position), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            throw JinjaException.Value("Too many decimal digits in format string");
        JinjaLimits.CheckLength(number);
        return number;
    }

    private static bool IsAlignment(char character) => character is '<' or '>' or '=' or '^';

    private PythonString FormatText(PythonString text)
    {
        if (Type is not (null or 's'))
            throw JinjaException.Value($"Unknown format code '{Type}' for object of type 'str'");
        if (Sign != '-')
            throw JinjaException.Value("Sign not allowed in string format specifier");
        if (Alternate)
            throw JinjaException.Value("Alternate form (#) not allowed in string format specifier");
        if (Alignment == '=')
            throw JinjaException.Value("'=' alignment not allowed in string format specifier");
        if (Precision is { } precision && precision < CodePoints.Length(text))
            text = text.Slice(0, CodePoints.ToUtf16(text, precision));
        return TextPadding.Surround(text, Left(text), Right(text), new PythonString(Fill));

        int Missing(PythonString shown) => Math.Max(0, Width - CodePoints.Length(shown));
        int Left(PythonString shown) => Alignment switch { '>' => Missing(shown), '^' => Missing(shown) / 2, _ => 0 };
        int Right(PythonString shown) => Missing(shown) - Left(shown);
    }

    private PythonString FormatInteger(object value)
    {
        if (Precision is not null)
            throw JinjaException.Value("Precision not allowed in integer format specifier");
        BigInteger number = PythonNumbers.ToBigInteger(value);
        (string prefix, string digits, int group) = Type switch
        {
            null or 'd' or 'n' => ("", BigInteger.Abs(number).ToString(CultureInfo.InvariantCulture), 3),
            'x' => ("0x", Radix.Digits(number, 4), 4),
            'X' => ("0X", Radix.Digits(number, 4).ToUpperInvariant(), 4),
            'o' => ("0o", Radix.Digits(number, 3), 4),
            'b' => ("0b", Radix.Digits(number, 1), 4),
            'c' => ("", Radix.Character(number), 0),
            _ => throw JinjaException.Value($"Unknown format code '{Type}' for object of type '{PythonTypes.Name(value)}'"),
        };
        return Assemble(number.Sign < 0, Alternate ? prefix : "", digits, "", group);
    }

    private PythonString FormatFloat(double value)
    {
        FloatFormat format = new(Type is 'n' ? 'g' : Type, Precision, Alternate);
        (bool isNegative, string digits, string rest) = format.Format(value, NoNegativeZero);
        return Assemble(isNegative, "", digits, rest, 3);
    }

    private PythonString Assemble(bool isNegative, string prefix, string digits, string rest, int group)
    {
        string sign = isNegative ? "-" : Sign == '-' ? "" : Sign.ToString();
        string head = sign + prefix;
        bool isFinite = digits.Length > 0 && char.IsAsciiLetterOrDigit(digits[0]) && (char.IsAsciiDigit(digits[0]) || group == 4);
        if (Grouping is { } separator && isFinite && group > 0)
        {
            int room = Fill == "0" && Alignment == '=' ? Width - head.Length - rest.Length : 0;
            digits = Radix.Group(digits, separator, group, room);
        }

        int missing = Math.Max(0, Width - head.Length - CodePoints.ToCodePoint(digits, digits.Length) - rest.Length);
        string fill = string.Concat(Enumerable.Repeat(Fill, missing));
        string text = Alignment switch
        {
            '<' => head + digits + rest + fill,
            '=' => head + fill + digits + rest,
            '^' => fill[..(missing / 2 * Fill.Length)] + head + digits + rest + fill[(missing / 2 * Fill.Length)..],
            _ => fill + head + digits + rest,
        };
        return PythonString.FromContent(text);
    }
}
