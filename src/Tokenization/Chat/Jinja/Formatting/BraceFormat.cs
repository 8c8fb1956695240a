using System.Globalization;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>Python's <c>str.format</c>, with attributes and items as the sandbox looks them up.</summary>
internal sealed class BraceFormat(PythonString format, object?[] positional, Func<PythonString, object?> named)
{
    /// <summary>Fields may hold fields, but no deeper.</summary>
    private const int MaxDepth = 2;

    private int _next; // the next automatic number; -1 once numbers are given

    public static PythonString Apply(PythonString format, Arguments arguments) => Run(
        format, arguments.Positional, name => arguments.TryKeyword(name.Text, out object? value) ? value : throw MissingKey(name));

    public static PythonString ApplyMap(PythonString format, Arguments arguments)
    {
        object? mapping = arguments.BindPositional("format_map", 1, 1)[0];
        return Run(format, [], name => Iteration.TryItem(mapping, name, out object? value) ? value : throw MissingKey(name));
    }

    /// <summary>Python's <c>ascii(value)</c>.</summary>
    public static string ToAscii(object? value)
    {
        string text = PythonPrinter.Represent(value);
        TextBuilder ascii = new(text.Length + 16);
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int code = CodePoints.ValueAt(text, i);
            if (code < 128)
                ascii.Append((char)code);
            else
                ascii.Append(code <= 0xFF ? $"\\x{code:x2}" : code <= 0xFFFF ? $"\\u{code:x4}" : $"\\U{code:x8}");
        }

        return ascii.ToString();
    }

    private static JinjaException MissingKey(PythonString name) => new("KeyError", PythonPrinter.Represent(name));

    private static PythonString Run(PythonString format, object?[] positional, Func<PythonString, object?> named)
    {
        TextBuilder output = new();
        new BraceFormat(format, positional, named).Write(format, MaxDepth, output);
        PythonString text = output.ToPythonString();
        return format.IsMarkup ? text.AsMarkup() : text;
    }

    private void Write(PythonString text, int depth, TextBuilder output)
    {
        if (depth < 0)
            throw JinjaException.Value("Max string recursion exceeded");
        string value = text.Text;
        for (int i = 0; i < value.Length;)
        {
            char character = value[i];
            if (character is not ('{' or '}'))
            {
                int end = value.AsSpan(i).IndexOfAny('{', '}');
                end = end < 0 ? value.Length : i + end;
                output.Append(text.Slice(i, end - i));
                i = end;
            }
            else if (i + 1 < value.Length && value[i + 1] == character)
            {
                output.Append(text.Slice(i, 1));
                i += 2;
            }
            else if (character == '}')
                throw JinjaException.Value("Single '}' encountered in format string");
            else
                i = WriteField(text, i + 1, depth, output);
        }
    }

    /// <summary>Writes the field that begins after a brace.</summary>
    /// <returns>The position behind its closing brace.</returns>
    private int WriteField(PythonString text, int start, int depth, TextBuilder output)
    {
        string value = text.Text;
        int end = start;
        for (int open = 1; open > 0; end++)
        {
            if (end >= value.Length)
                throw JinjaException.Value(end == start ? "Single '{' encountered in format string" : "expected '}' before end of string");
            open += value[end] switch { '{' => 1, '}' => -1, _ => 0 };
        }

        string field = value[start..(end - 1)];
        int nameEnd = NameEnd(field);
        object? item = Look(field[..nameEnd]);
        string rest = field[nameEnd..];
        if (rest.StartsWith('!'))
        {
            item = Convert(item, rest);
            rest = rest[2..];
        }

        if (rest.StartsWith(':'))
            rest = rest[1..];
        TextBuilder specification = new();
        Write(new PythonString(rest), depth - 1, specification);
        PythonString shown = Shown(item, specification.ToString());
        output.Append(format.IsMarkup ? Html.Escape(shown) : shown);
        return end;
    }

    private PythonString Shown(object? item, string specification)
    {
        if (format.IsMarkup && item is PythonString { IsMarkup: true } markup)
            return specification.Length == 0 ? markup : throw JinjaException.Value("Unsupported format specification for Markup.");
        return FormatSpec.Format(item, specification).AsPlain();
    }

    private static int NameEnd(string field)
    {
        int bracket = 0;
        for (int i = 0; i < field.Length; i++)
        {
            bracket += field[i] switch { '[' => 1, ']' => -1, _ => 0 };
            if (bracket <= 0 && field[i] is ':' or '!')
                return i;
        }

        return field.Length;
    }

    private static PythonString Convert(object? item, string rest)
    {
        if (rest.Length < 2)
            throw JinjaException.Value("end of string while looking for conversion specifier");
        if (rest.Length > 2 && rest[2] != ':')
            throw JinjaException.Value("expected ':' after conversion specifier");
        return rest[1] switch
        {
            's' => PythonPrinter.ToText(item),
            'r' => PythonString.FromContent(PythonPrinter.Represent(item)),
            'a' => PythonString.FromContent(ToAscii(item)),
            _ => throw JinjaException.Value($"Unknown conversion specifier {rest[1]}"),
        };
    }

    private object? Look(string field)
    {
        int end = field.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? field : field[..end];
        object? value = First(first);
        for (int i = first.Length; i < field.Length;)
        {
            if (field[i] == '.')
            {
                int stop = field.AsSpan(i + 1).IndexOfAny('.', '[');
                stop = stop < 0 ? field.Length : i + 1 + stop;
                value = Access.Attribute(value, field[(i + 1)..stop]);
                i = stop;
                continue;
            }

            int close = field.IndexOf(']', i);
            if (field[i] != '[' || close < 0)
                throw JinjaException.Value(close < 0 ? "Missing ']' in format string" : "Only '.' or '[' may follow ']' in format field specifier");
            string index = field[(i + 1)..close];
            value = Access.Item(value, IsNumber(index) ? Radix.Parse(index, 10) : new PythonString(index));
            i = close + 1;
        }

        return value;
    }

    private object? First(string name)
    {
        if (name.Length > 0 && !IsNumber(name))
            return named(new PythonString(name));
        if (name.Length == 0 ? _next < 0 : _next > 0)
        {
            throw JinjaException.Value(name.Length == 0
                ? "cannot switch from manual field specification to automatic field numbering"
                : "cannot switch from automatic field numbering to manual field specification");
        }

        long index = name.Length == 0 ? _next++ : long.Parse(name, CultureInfo.InvariantCulture);
        if (name.Length > 0)
            _next = -1;
        return index < positional.Length ? positional[index] : throw new JinjaException("IndexError", "tuple index out of range");
    }

    private static bool IsNumber(string text) => text.Length is > 0 and < 10 && text.All(char.IsAsciiDigit);
}
