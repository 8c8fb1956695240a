using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>JSON to values and back as Python's <c>json</c> does it: integers stay exact, floats print as Python prints them.</summary>
internal static class JinjaJson
{
    private static readonly SearchValues<char> _escaped =
        SearchValues.Create([.. Enumerable.Range(0, 32).Select(code => (char)code), '"', '\\']);

    private static readonly SearchValues<char> _escapedToAscii =
        SearchValues.Create([.. Enumerable.Range(0, 0x10000).Where(code => code is < 32 or > 126 or '"' or '\\').Select(code => (char)code)]);

    /// <param name="json">What to read.</param>
    /// <param name="asContent">Whether its strings are told apart from the template's.</param>
    public static object? FromJson(JsonElement json, bool asContent)
    {
        JinjaLimits.CheckStack();
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                PythonDict dict = new(json.GetPropertyCount());
                foreach (JsonProperty property in json.EnumerateObject())
                    dict.Set(Text(property.Name, asContent), FromJson(property.Value, asContent));
                return dict;
            case JsonValueKind.Array:
                List<object?> list = new(json.GetArrayLength());
                foreach (JsonElement item in json.EnumerateArray())
                    list.Add(FromJson(item, asContent));
                return new PythonList(list);
            case JsonValueKind.String:
                return Text(json.GetString()!, asContent);
            case JsonValueKind.Number:
                return json.TryGetInt64(out long integer) && json.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0
                    ? Boxed.From(integer)
                    : ParseNumber(json.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return Boxed.From(json.GetBoolean());
            default:
                return null;
        }
    }

    /// <summary>Writes a value as Python's <c>json.dumps</c> would.</summary>
    public static void Write(object? value, JsonStyle style, TextBuilder output)
    {
        int start = output.Length;
        Write(value, style, 0, output);
        if (PythonPrinter.CountsAsContent(value))
            output.MarkFrom(start);
    }

    private static PythonString Text(string text, bool asContent) => asContent ? PythonString.FromContent(text) : new PythonString(text);

    private static object ParseNumber(string number) => number.AsSpan().IndexOfAny('.', 'e', 'E') < 0
        ? PythonNumbers.Normalize(BigInteger.Parse(number, CultureInfo.InvariantCulture))
        : double.Parse(number, CultureInfo.InvariantCulture);

    private static void Write(object? value, JsonStyle style, int depth, TextBuilder text)
    {
        JinjaLimits.CheckStack();
        switch (value)
        {
            case PythonString literal: WriteString(literal.Text, style.EnsureAscii, text); break;
            case PythonDict dict: WriteDict(dict, style, depth, text); break;
            case PythonList list: WriteItems(list.Items, style, depth, text); break;
            case PythonTuple tuple: WriteItems(tuple.Items, style, depth, text); break;
            case null: text.Append("null"); break;
            case bool flag: text.Append(flag ? "true" : "false"); break;
            case long or BigInteger: text.Append(PythonPrinter.Represent(value)); break;
            case double number: text.Append(Float(number)); break;
            default: throw JinjaException.Type($"Object of type {PythonTypes.Name(value)} is not JSON serializable");
        }
    }

    private static void WriteDict(PythonDict dict, JsonStyle style, int depth, TextBuilder text)
    {
        text.Append('{');
        bool isFirst = true;
        foreach ((object? key, object? value) in style.SortKeys ? Sorted(dict) : dict.Entries)
        {
            Separate(style, depth + 1, isFirst, text);
            isFirst = false;
            WriteString(key is PythonString name ? name.Text : KeyText(key), style.EnsureAscii, text);
            text.Append(style.KeySeparator);
            Write(value, style, depth + 1, text);
        }

        Close('}', style, depth, isFirst, text);
    }

    private static ReadOnlySpan<KeyValuePair<object?, object?>> Sorted(PythonDict dict) =>
        PythonOperators.Sort(dict.Entries.ToArray(), entry => entry.Key).ToArray();

    private static void WriteItems(IReadOnlyList<object?> items, JsonStyle style, int depth, TextBuilder text)
    {
        text.Append('[');
        for (int i = 0; i < items.Count; i++)
        {
            Separate(style, depth + 1, i == 0, text);
            Write(items[i], style, depth + 1, text);
        }

        Close(']', style, depth, items.Count == 0, text);
    }

    private static void Separate(JsonStyle style, int depth, bool isFirst, TextBuilder text)
    {
        if (!isFirst)
            text.Append(style.ItemSeparator);
        if (style.Indent is not null)
            NewLine(style.Indent, depth, text);
    }

    private static void Close(char bracket, JsonStyle style, int depth, bool isEmpty, TextBuilder text)
    {
        if (!isEmpty && style.Indent is not null)
            NewLine(style.Indent, depth, text);
        text.Append(bracket);
    }

    private static void NewLine(string indent, int depth, TextBuilder text)
    {
        text.Append('\n');
        for (int i = 0; i < depth; i++)
            text.Append(indent);
    }

    private static string KeyText(object? key) => key switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long or BigInteger => PythonPrinter.Represent(key),
        double number => Float(number),
        _ => throw JinjaException.Type($"keys must be str, int, float, bool or None, not {PythonTypes.Name(key)}"),
    };

    private static string Float(double number) =>
        double.IsNaN(number) ? "NaN"
        : double.IsInfinity(number) ? (number > 0 ? "Infinity" : "-Infinity")
        : ExactDecimal.Represent(number);

    private static void WriteString(string value, bool ensureAscii, TextBuilder text)
    {
        SearchValues<char> escaped = ensureAscii ? _escapedToAscii : _escaped;
        text.Append('"');
        ReadOnlySpan<char> rest = value;
        for (int next = rest.IndexOfAny(escaped); next >= 0; next = rest.IndexOfAny(escaped))
        {
            text.Append(rest[..next]);
            AppendEscape(rest[next], text);
            rest = rest[(next + 1)..];
        }

        text.Append(rest);
        text.Append('"');
    }

    private static void AppendEscape(char character, TextBuilder text)
    {
        switch (character)
        {
            case '"': text.Append("\\\""); break;
            case '\\': text.Append("\\\\"); break;
            case '\n': text.Append("\\n"); break;
            case '\r': text.Append("\\r"); break;
            case '\t': text.Append("\\t"); break;
            case '\f': text.Append("\\f"); break;
            case '\b': text.Append("\\b"); break;
            default: text.Append($"\\u{(int)character:x4}"); break;
        }
    }
}
