using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>How JSON is written. Python puts spaces after separators, and none after a comma that a line break follows.</summary>
internal sealed record JsonStyle(bool EnsureAscii, string? Indent, string ItemSeparator, string KeySeparator, bool SortKeys)
{
    public static readonly JsonStyle Default = new(false, null, ", ", ": ", false);

    /// <summary>The style that arguments of transformers' filter <c>tojson</c> ask for.</summary>
    public static JsonStyle From(Arguments arguments)
    {
        if (arguments == Arguments.None)
            return Default;
        object?[] bound = arguments.Bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = bound[1] switch
        {
            null => null,
            _ when bound[1] == Arguments.Absent => null,
            PythonString text => text.Text,
            _ => ((PythonString)PythonOperators.Calculate("*", new PythonString(" "), bound[1])!).Text,
        };
        (string item, string key) = bound[2] is null || bound[2] == Arguments.Absent ? (indent is null ? ", " : ",", ": ") : Separators(bound[2]);
        return new JsonStyle(IsSet(bound[0]), indent, item, key, IsSet(bound[3]));
    }

    private static (string Item, string Key) Separators(object? value)
    {
        IReadOnlyList<object?> items = Iteration.Items(value);
        if (items.Count != 2)
            throw JinjaException.Value(items.Count < 2 ? $"not enough values to unpack (expected 2, got {items.Count})" : "too many values to unpack (expected 2)");
        return items is [PythonString item, PythonString key] ? (item.Text, key.Text) : throw JinjaException.Type("separators of tojson must be strings");
    }

    private static bool IsSet(object? flag) => flag != Arguments.Absent && PythonOperators.IsTrue(flag);
}
