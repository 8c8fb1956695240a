namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The methods of strings, lists and mappings that the sandbox lets templates call; they change nothing.</summary>
internal static class JinjaMethods
{
    /// <summary>A method bound to a value, or null where the value has none of that name.</summary>
    public static JinjaFunction? Find(object? target, string name)
    {
        Func<CallArguments, object?>? method = target switch
        {
            string text => OfString(text, name),
            JinjaMarkup => throw JinjaException.Unsupported($"The attribute '{name}' of text from the filter 'safe'"),
            PythonDict dict => OfDict(dict, name),
            List<object?> list => OfSequence(list, name),
            PythonTuple tuple => OfSequence(tuple.Items, name),
            _ => null,
        };
        if (method is null && IsMutation(target, name))
            throw new JinjaException("SecurityError", $"access to attribute '{name}' of '{PythonText.TypeName(target)}' object is unsafe.");
        return method is null ? null : new JinjaFunction(name, method);
    }

    private static bool IsMutation(object? target, string name) => target switch
    {
        List<object?> => name is "append" or "pop" or "extend" or "insert" or "remove" or "reverse" or "sort" or "clear",
        PythonDict => name is "pop" or "update" or "setdefault" or "clear" or "popitem",
        _ => false,
    };

    private static Func<CallArguments, object?>? OfString(string text, string name) => name switch
    {
        "strip" => arguments => PythonText.Strip(text, Characters(arguments, name), left: true, right: true),
        "lstrip" => arguments => PythonText.Strip(text, Characters(arguments, name), left: true, right: false),
        "rstrip" => arguments => PythonText.Strip(text, Characters(arguments, name), left: false, right: true),
        "split" => arguments => Split(text, arguments.Bind(name, 0, "sep", "maxsplit")),
        "splitlines" => arguments => SplitLines(text, arguments),
        "startswith" => arguments => Affixes(arguments, name).Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal)),
        "endswith" => arguments => Affixes(arguments, name).Any(suffix => text.EndsWith(suffix, StringComparison.Ordinal)),
        "replace" => arguments => Replace(text, arguments.Bind(name, 2, "old", "new", "count")),
        "join" => arguments => Join(text, arguments.Bind(name, 1, "iterable")[0]),
        "find" => arguments => Find(text, Text(arguments.Bind(name, 1, "sub")[0])),
        "count" => arguments => PythonText.Split(text, Text(arguments.Bind(name, 1, "sub")[0]), -1).Count - 1L,
        "lower" => arguments => Without(arguments, name, PythonText.Lower(text)),
        "upper" => arguments => Without(arguments, name, PythonText.Upper(text)),
        "capitalize" => arguments => Without(arguments, name, PythonText.Capitalize(text)),
        "title" => arguments => Without(arguments, name, PythonText.Title(text)),
        "isdigit" => arguments => Without(arguments, name, text.Length > 0 && text.All(char.IsDigit)),
        "isalpha" => arguments => Without(arguments, name, text.Length > 0 && text.All(char.IsLetter)),
        "isspace" => arguments => Without(arguments, name, text.Length > 0 && text.All(PythonText.IsSpace)),
        _ => null,
    };

    private static Func<CallArguments, object?>? OfDict(PythonDict dict, string name) => name switch
    {
        "items" => arguments => Without(arguments, name, new PythonIterable("dict_items", Items(dict), dict.Count)),
        "keys" => arguments => Without(arguments, name, new PythonIterable("dict_keys", dict.Keys.Select(PythonDict.KeyValue), dict.Count)),
        "values" => arguments => Without(arguments, name, new PythonIterable("dict_values", dict.Values, dict.Count)),
        "get" => arguments => Get(dict, arguments.Bind(name, 1, "key", "default")),
        _ => null,
    };

    private static Func<CallArguments, object?>? OfSequence(IReadOnlyList<object?> items, string name) => name switch
    {
        "count" => arguments => arguments.Bind(name, 1, "value")[0] is var value ? items.LongCount(item => PythonOperators.AreEqual(item, value)) : 0,
        "index" => arguments => IndexOf(items, arguments.Bind(name, 1, "value")[0]),
        _ => null,
    };

    /// <summary>The pairs of a mapping, as <c>dict.items()</c> and the filter <c>items</c> give them.</summary>
    public static IEnumerable<object?> Items(PythonDict dict) =>
        dict.Select(item => new PythonTuple([PythonDict.KeyValue(item.Key), item.Value]));

    private static object? Without(CallArguments arguments, string name, object? result)
    {
        arguments.Bind(name, 0);
        return result;
    }

    private static string? Characters(CallArguments arguments, string name) =>
        arguments.Bind(name, 0, "chars")[0] is var value && (value == CallArguments.Absent || value is null) ? null : Text(value);

    private static List<object?> Split(string text, object?[] bound)
    {
        long maxSplits = bound[1] == CallArguments.Absent ? -1 : PythonNumbers.ToLong(bound[1]);
        return bound[0] is null || bound[0] == CallArguments.Absent
            ? PythonText.SplitWords(text, maxSplits)
            : PythonText.Split(text, Text(bound[0]), maxSplits);
    }

    private static List<object?> SplitLines(string text, CallArguments arguments)
    {
        arguments.Bind("splitlines", 0);
        string[] lines = text.Split(["\r\n", "\n", "\r", "\v", "\f", "\u001C", "\u001D", "\u001E", "\u0085", "\u2028", "\u2029"], StringSplitOptions.None);
        return [.. lines is [.., ""] ? lines[..^1] : lines];
    }

    private static IEnumerable<string> Affixes(CallArguments arguments, string name) =>
        arguments.Bind(name, 1, "affix")[0] is PythonTuple tuple ? tuple.Items.Select(Text) : [Text(arguments.Positional[0])];

    private static string Replace(string text, object?[] bound) =>
        PythonText.Replace(text, Text(bound[0]), Text(bound[1]), bound[2] == CallArguments.Absent ? -1 : PythonNumbers.ToLong(bound[2]));

    private static string Join(string separator, object? items) => string.Join(separator, PythonOperators.Iterate(items).Select(Text));

    private static long Find(string text, string part)
    {
        int found = text.IndexOf(part, StringComparison.Ordinal);
        return found < 0 ? -1 : PythonText.Length(text[..found]);
    }

    private static object? Get(PythonDict dict, object?[] bound) =>
        dict.TryGet(bound[0], out object? value) ? value : bound[1] == CallArguments.Absent ? null : bound[1];

    private static long IndexOf(IReadOnlyList<object?> items, object? value)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (PythonOperators.AreEqual(items[i], value))
                return i;
        }

        throw new JinjaException("ValueError", $"{PythonText.Represent(value)} is not in list");
    }

    private static string Text(object? value)
    {
        PythonOperators.FailIfUndefined(value);
        return value is string or JinjaMarkup
            ? value.ToString()!
            : throw JinjaException.Type($"expected str, not {PythonText.TypeName(value)}");
    }
}
