using System.Globalization;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Values as Python prints them.</summary>
internal static class PythonPrinter
{
    /// <summary>Python refuses to write longer integers.</summary>
    private const int MaxDigits = 4300;

    /// <summary>
    /// Whether the text of a value counts as content: not where it is a list or a dict of strings that are all the template's. Numbers
    /// alone do, because they may come from messages.
    /// </summary>
    public static bool CountsAsContent(object? value)
    {
        bool holdsText = false;
        return HoldsContent(value, ref holdsText) || !holdsText;
    }

    /// <summary>Python's <c>str(value)</c>.</summary>
    public static PythonString ToText(object? value)
    {
        switch (value)
        {
            case PythonString text:
                return text.AsPlain();
            case JinjaUndefined:
                return PythonString.Empty;
            default:
                string represented = Represent(value);
                return CountsAsContent(value) ? PythonString.FromContent(represented) : new PythonString(represented);
        }
    }

    /// <summary>Writes <c>str(value)</c>.</summary>
    public static void Print(object? value, TextBuilder output)
    {
        switch (value)
        {
            case PythonString text:
                output.Append(text);
                break;
            case JinjaUndefined:
                break;
            default:
                int start = output.Length;
                Represent(value, output);
                if (CountsAsContent(value))
                    output.MarkFrom(start);
                break;
        }
    }

    /// <summary>Python's <c>repr(value)</c>.</summary>
    public static string Represent(object? value)
    {
        switch (value)
        {
            case null:
                return "None";
            case bool flag:
                return flag ? "True" : "False";
            case long number:
                return number.ToString(CultureInfo.InvariantCulture);
            default:
                TextBuilder text = new(64);
                Represent(value, text);
                return text.ToString();
        }
    }

    private static void Represent(object? value, TextBuilder text)
    {
        JinjaLimits.CheckStack();
        switch (value)
        {
            case null or bool or long:
                text.Append(Represent(value));
                break;
            case BigInteger number:
                text.Append(Integer(number));
                break;
            case double number:
                text.Append(ExactDecimal.Represent(number));
                break;
            case PythonString { IsMarkup: true } markup:
                text.Append("Markup(");
                RepresentString(markup.Text, text);
                text.Append(')');
                break;
            case PythonString literal:
                RepresentString(literal.Text, text);
                break;
            case JinjaUndefined:
                text.Append("Undefined");
                break;
            case PythonList list:
                RepresentItems(list.Items, "[", "]", text);
                break;
            case PythonTuple { Items: [var only] }:
                RepresentItems([only], "(", ",)", text);
                break;
            case PythonTuple tuple:
                RepresentItems(tuple.Items, "(", ")", text);
                break;
            case PythonDict dict:
                RepresentDict(dict, text);
                break;
            case PythonView view:
                RepresentItems(view.Items, view.TypeName + "([", "])", text);
                break;
            case JinjaNamespace space:
                text.Append("<Namespace ");
                RepresentDict(space.Attributes, text);
                text.Append('>');
                break;
            case PythonRange range:
                text.Append(string.Create(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}{(range.Step == 1 ? "" : $", {range.Step}")})"));
                break;
            case PythonBytes bytes:
                RepresentBytes(bytes, text);
                break;
            case LoopContext loop:
                text.Append(string.Create(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index}/{loop.Length}>"));
                break;
            case BlockReferences:
                text.Append("<TemplateReference None>");
                break;
            case PythonCallable { Representation: { } known }:
                text.Append(known);
                break;
            default:
                throw JinjaException.Unsupported($"Printing a {PythonTypes.Name(value)}, which Python does with an address,");
        }
    }

    private static string Integer(BigInteger number)
    {
        string digits = number.ToString(CultureInfo.InvariantCulture);
        return digits.Length - (number.Sign < 0 ? 1 : 0) <= MaxDigits
            ? digits
            : throw JinjaException.Value(
                $"Exceeds the limit ({MaxDigits} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit");
    }

    private static void RepresentItems(IEnumerable<object?> items, string open, string close, TextBuilder text)
    {
        text.Append(open);
        bool first = true;
        foreach (object? item in items)
        {
            text.Append(first ? "" : ", ");
            first = false;
            Represent(item, text);
        }

        text.Append(close);
    }

    private static void RepresentDict(PythonDict dict, TextBuilder text)
    {
        text.Append('{');
        bool first = true;
        foreach ((object? key, object? value) in dict.Entries)
        {
            text.Append(first ? "" : ", ");
            first = false;
            Represent(key, text);
            text.Append(": ");
            Represent(value, text);
        }

        text.Append('}');
    }

    private static void RepresentString(string value, TextBuilder text)
    {
        char quote = value.Contains('\'', StringComparison.Ordinal) && !value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        for (int i = 0; i < value.Length; i += CodePoints.LengthAt(value, i))
            RepresentCharacter(value.AsSpan(i, CodePoints.LengthAt(value, i)), CodePoints.ValueAt(value, i), quote, text);
        text.Append(quote);
    }

    private static void RepresentCharacter(ReadOnlySpan<char> character, int code, char quote, TextBuilder text)
    {
        switch (code)
        {
            case '\n': text.Append("\\n"); break;
            case '\r': text.Append("\\r"); break;
            case '\t': text.Append("\\t"); break;
            case '\\': text.Append("\\\\"); break;
            case '\'' or '"' when code == quote: text.Append('\\'); text.Append(quote); break;
            case >= ' ' and < 127: text.Append((char)code); break;
            case var _ when Unicode.IsPrintable(code): text.Append(character); break;
            case <= 0xFF: text.Append($"\\x{code:x2}"); break;
            case <= 0xFFFF: text.Append($"\\u{code:x4}"); break;
            default: text.Append($"\\U{code:x8}"); break;
        }
    }

    private static void RepresentBytes(PythonBytes bytes, TextBuilder text)
    {
        bool isSingle = bytes.Bytes.Contains((byte)'\'') && !bytes.Bytes.Contains((byte)'"');
        char quote = isSingle ? '"' : '\'';
        text.Append('b');
        text.Append(quote);
        foreach (byte value in bytes.Bytes)
        {
            if (value < 127)
                RepresentCharacter([(char)value], value, quote, text);
            else
                text.Append($"\\x{value:x2}");
        }

        text.Append(quote);
    }

    private static bool HoldsContent(object? value, ref bool holdsText)
    {
        JinjaLimits.CheckStack();
        switch (value)
        {
            case PythonString text:
                holdsText = true;
                return !text.IsTemplate;
            case PythonDict dict:
                foreach ((object? key, object? item) in dict.Entries)
                {
                    if (HoldsContent(key, ref holdsText) || HoldsContent(item, ref holdsText))
                        return true;
                }

                return false;
            case PythonList list:
                return HoldContent(list.Items, ref holdsText);
            case PythonTuple tuple:
                return HoldContent(tuple.Items, ref holdsText);
            case null or bool or long or double or BigInteger or PythonRange or JinjaUndefined:
                return false;
            default:
                return true; // a view, a namespace or another value that may hold what a message says
        }
    }

    private static bool HoldContent(IReadOnlyList<object?> items, ref bool holdsText)
    {
        foreach (object? item in items)
        {
            if (HoldsContent(item, ref holdsText))
                return true;
        }

        return false;
    }
}
