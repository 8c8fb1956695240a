using System.Globalization;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>Python's <c>format % values</c>.</summary>
internal sealed class PercentFormat
{
    private readonly PythonString _format;
    private readonly object?[] _values;
    private readonly object? _mapping;
    private readonly TextBuilder _output = new();
    private int _position;
    private int _used;

    private PercentFormat(PythonString format, object? values)
    {
        _format = format;
        _values = values is PythonTuple tuple ? tuple.Items : [values];
        _mapping = values is PythonTuple or PythonString || !IsMapping(values) ? null : values;
    }

    public static PythonString Apply(PythonString format, object? values)
    {
        PercentFormat formatting = new(format, values);
        formatting.Run();
        PythonString text = formatting._output.ToPythonString();
        return format.IsMarkup ? text.AsMarkup() : text;
    }

    /// <summary>Whatever has items by key or position is no error where the format does not use it.</summary>
    private static bool IsMapping(object? values) => values is PythonDict or PythonList or PythonRange or JinjaUndefined;

    private void Run()
    {
        string text = _format.Text;
        while (_position < text.Length)
        {
            int percent = text.IndexOf('%', _position);
            int end = percent < 0 ? text.Length : percent;
            _output.Append(_format.Slice(_position, end - _position));
            _position = end + 1;
            if (percent >= 0)
                Convert();
        }

        if (_used < _values.Length && _mapping is null)
            throw JinjaException.Type("not all arguments converted during string formatting");
    }

    private void Convert()
    {
        object? keyed = null;
        bool isKeyed = Peek() == '(';
        if (isKeyed)
            keyed = ReadKeyed();
        int flagsStart = _position;
        while (Peek() is '-' or '+' or ' ' or '#' or '0')
            _position++;
        string flags = _format.Text[flagsStart.._position];
        int width = ReadNumber() ?? 0;
        if (width < 0)
            (width, flags) = (-width, flags + "-");
        int? precision = null;
        if (Peek() == '.')
        {
            _position++;
            precision = Math.Max(0, ReadNumber() ?? 0);
        }

        while (Peek() is 'h' or 'l' or 'L')
            _position++;
        char type = Peek() is var next and not '\0' ? next : throw JinjaException.Value("incomplete format");
        _position++;
        if (type == '%')
        {
            _output.Append('%');
            return;
        }

        object? value = isKeyed ? keyed : Next();
        Write(type, flags, width, precision, value);
    }

    private char Peek() => _position < _format.Text.Length ? _format.Text[_position] : '\0';

    private object? ReadKeyed()
    {
        if (_mapping is null)
            throw JinjaException.Type("format requires a mapping");
        int start = ++_position;
        for (int depth = 1; depth > 0; _position++)
        {
            if (_position >= _format.Text.Length)
                throw JinjaException.Value("incomplete format key");
            depth += _format.Text[_position] switch { '(' => 1, ')' => -1, _ => 0 };
        }

        PythonString key = _format.Slice(start, _position - 1 - start);
        PythonOperators.FailIfUndefined(_mapping);
        if (_mapping is not PythonDict dict)
            throw JinjaException.Type($"{PythonTypes.Name(_mapping)} indices must be integers or slices, not str");
        return dict.TryGet(key, out object? value) ? value : throw new JinjaException("KeyError", PythonPrinter.Represent(key));
    }

    private int? ReadNumber()
    {
        if (Peek() == '*')
        {
            _position++;
            object? given = Next();
            if (!PythonNumbers.IsInteger(given))
                throw JinjaException.Type("* wants int");
            long number = PythonNumbers.ToLong(given);
            JinjaLimits.CheckLength(Int128.Abs(number));
            return (int)number;
        }

        int start = _position;
        while (char.IsAsciiDigit(Peek()))
            _position++;
        if (start == _position)
            return null;
        if (!int.TryParse(_format.Text.AsSpan(start.._position), NumberStyles.None, CultureInfo.InvariantCulture, out int width))
            throw JinjaException.Value("width too big");
        JinjaLimits.CheckLength(width);
        return width;
    }

    private object? Next() => _used < _values.Length ? _values[_used++] : throw JinjaException.Type("not enough arguments for format string");

    private void Write(char type, string flags, int width, int? precision, object? value)
    {
        PythonString text;
        switch (type)
        {
            case 's':
                text = Shortened(_format.IsMarkup ? Html.Escape(value).AsPlain() : PythonPrinter.ToText(value), precision);
                break;
            case 'r' or 'a':
                text = Shortened(PythonString.FromContent(type == 'r' ? PythonPrinter.Represent(value) : BraceFormat.ToAscii(value)), precision);
                text = _format.IsMarkup ? Html.Escape(text).AsPlain() : text;
                break;
            case 'c':
                text = Character(value);
                break;
            case 'd' or 'i' or 'u' or 'o' or 'x' or 'X' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                WriteNumber(type, flags, width, precision, value);
                return;
            default:
                throw JinjaException.Value($"unsupported format character '{type}' (0x{(int)type:x}) at index {CodePoints.ToCodePoint(_format.Text, _position - 1)}");
        }

        _output.Append(TextPadding.Pad(text, width, new PythonString(" "), flags.Contains('-', StringComparison.Ordinal) ? '<' : '>'));
    }

    private static PythonString Shortened(PythonString text, int? precision) =>
        precision is { } length && length < CodePoints.Length(text) ? text.Slice(0, CodePoints.ToUtf16(text, length)) : text;

    private static PythonString Character(object? value) => value switch
    {
        PythonString text when CodePoints.Length(text) == 1 => text,
        _ when PythonNumbers.IsInteger(value) => PythonString.FromContent(Radix.Character(PythonNumbers.ToBigInteger(value!))),
        _ => throw JinjaException.Type("%c requires int or char"),
    };

    private void WriteNumber(char type, string flags, int width, int? precision, object? value)
    {
        bool isAlternate = flags.Contains('#', StringComparison.Ordinal);
        bool isFloat = type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G';
        if (type is not ('x' or 'X' or 'o'))
            PythonOperators.FailIfUndefined(value);
        if (!PythonNumbers.IsNumber(value) || (type is 'x' or 'X' or 'o' && value is double))
        {
            throw JinjaException.Type(isFloat
                ? $"must be real number, not {PythonTypes.Name(value)}"
                : $"%{type} format: {(type is 'x' or 'X' or 'o' ? "an integer" : "a real number")} is required, not {PythonTypes.Name(value)}");
        }

        (bool isNegative, string prefix, string digits) = isFloat
            ? Float(new FloatFormat(type, precision, isAlternate), PythonNumbers.ToDouble(value!))
            : Integer(type, precision, isAlternate, value!);
        string sign = isNegative ? "-" : flags.Contains('+', StringComparison.Ordinal) ? "+" : flags.Contains(' ', StringComparison.Ordinal) ? " " : "";
        int missing = Math.Max(0, width - sign.Length - prefix.Length - digits.Length);
        bool isLeft = flags.Contains('-', StringComparison.Ordinal);
        bool isZero = flags.Contains('0', StringComparison.Ordinal) && !isLeft && char.IsAsciiLetterOrDigit(digits[0]) && digits is not ("inf" or "nan" or "INF" or "NAN");
        string text = isLeft ? sign + prefix + digits + new string(' ', missing)
            : isZero ? sign + prefix + new string('0', missing) + digits
            : new string(' ', missing) + sign + prefix + digits;
        _output.AppendContent(text);
    }

    private static (bool, string, string) Float(FloatFormat format, double value)
    {
        (bool isNegative, string digits, string rest) = format.Format(value);
        return (isNegative, "", digits + rest);
    }

    private static (bool, string, string) Integer(char type, int? precision, bool isAlternate, object value)
    {
        BigInteger number = PythonNumbers.ToBigInteger(value is double real ? PythonNumbers.Truncate(real) : value);
        (string prefix, string digits) = type switch
        {
            'x' => ("0x", Radix.Digits(number, 4)),
            'X' => ("0X", Radix.Digits(number, 4).ToUpperInvariant()),
            'o' => ("0o", Radix.Digits(number, 3)),
            _ => ("", BigInteger.Abs(number).ToString(CultureInfo.InvariantCulture)),
        };
        return (number.Sign < 0, isAlternate ? prefix : "", digits.PadLeft(precision ?? 0, '0'));
    }
}
