using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>JSON to values and back as Python's <c>json</c> does it: integers stay exact, floats print as Python prints them.</summary>
internal static class JinjaJson
{
    public static object? FromJson(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                PythonDict dict = [];
                foreach (JsonProperty property in json.EnumerateObject())
                    dict[property.Name] = FromJson(property.Value);
                return dict;
            case JsonValueKind.Array:
                List<object?> list = [];
                foreach (JsonElement item in json.EnumerateArray())
                    list.Add(FromJson(item));
                return list;
            case JsonValueKind.String:
                return json.GetString();
            case JsonValueKind.Number:
                return ParseNumber(json.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            default:
                return null;
        }
    }

    /// <summary>Python's <c>json.dumps</c> with the arguments that transformers' <c>tojson</c> filter takes.</summary>
    public static string ToJson(object? value, JsonStyle style)
    {
        StringBuilder text = new();
        Write(value, style, 0, text);
        return text.ToString();
    }

    private static object ParseNumber(string number)
    {
        bool isInteger = number.AsSpan().IndexOfAny('.', 'e', 'E') < 0;
        return isInteger
            ? PythonNumbers.Normalize(BigInteger.Parse(number, CultureInfo.InvariantCulture))
            : double.Parse(number, CultureInfo.InvariantCulture);
    }

    private static void Write(object? value, JsonStyle style, int depth, StringBuilder text)
    {
        JinjaLimits.CheckStack();
        JinjaLimits.CheckLength(text);
        switch (value)
        {
            case null: text.Append("null"); break;
            case bool flag: text.Append(flag ? "true" : "false"); break;
            case long or BigInteger: text.Append(PythonText.Represent(value)); break;
            case double number: text.Append(Float(number)); break;
            case string or JinjaMarkup: WriteString(value.ToString()!, style.EnsureAscii, text); break;
            case List<object?> list: WriteItems('[', ']', list, style, depth, text, item => Write(item, style, depth + 1, text)); break;
            case PythonTuple tuple: WriteItems('[', ']', tuple.Items, style, depth, text, item => Write(item, style, depth + 1, text)); break;
            case PythonDict dict: WriteDict(dict, style, depth, text); break;
            default: throw JinjaException.Type($"Object of type {PythonText.TypeName(value)} is not JSON serializable");
        }
    }

    private static void WriteDict(PythonDict dict, JsonStyle style, int depth, StringBuilder text)
    {
        IEnumerable<KeyValuePair<object, object?>> members = dict;
        if (style.SortKeys)
            members = dict.OrderBy(member => PythonDict.KeyValue(member.Key), Comparer<object?>.Create((a, b) => PythonOperators.Order(a, b)));
        WriteItems('{', '}', [.. members], style, depth, text, member =>
        {
            WriteString(KeyText(PythonDict.KeyValue(member.Key)), style.EnsureAscii, text);
            text.Append(style.KeySeparator);
            Write(member.Value, style, depth + 1, text);
        });
    }

    private static void WriteItems<T>(
        char open, char close, IReadOnlyList<T> items, JsonStyle style, int depth, StringBuilder text, Action<T> write)
    {
        text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                text.Append(style.ItemSeparator);
            NewLine(style, depth + 1, text);
            write(items[i]);
        }

        if (items.Count > 0)
            NewLine(style, depth, text);
        text.Append(close);
    }

    private static void NewLine(JsonStyle style, int depth, StringBuilder text)
    {
        if (style.Indent is not { } indent)
            return;
        text.Append('\n');
        for (int i = 0; i < depth; i++)
            text.Append(indent);
    }

    private static string KeyText(object? key) => key switch
    {
        string or JinjaMarkup => key.ToString()!,
        null => "null",
        bool flag => flag ? "true" : "false",
        long or BigInteger => PythonText.Represent(key),
        double number => Float(number),
        _ => throw JinjaException.Type($"keys must be str, int, float, bool or None, not {PythonText.TypeName(key)}"),
    };

    private static string Float(double number) =>
        double.IsNaN(number) ? "NaN"
        : double.IsInfinity(number) ? (number > 0 ? "Infinity" : "-Infinity")
        : PythonNumbers.FormatFloat(number);

    private static void WriteString(string value, bool ensureAscii, StringBuilder text)
    {
        text.Append('"');
        foreach (char character in value)
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
                case < ' ': text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"); break;
                case > '~' when ensureAscii: text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"); break;
                default: text.Append(character); break;
            }
        }

        text.Append('"');
    }
}

/// <summary>How JSON is written. Python puts spaces after separators, and none after a comma that a line break follows.</summary>
internal sealed record JsonStyle(bool EnsureAscii, string? Indent, string ItemSeparator, string KeySeparator, bool SortKeys);
