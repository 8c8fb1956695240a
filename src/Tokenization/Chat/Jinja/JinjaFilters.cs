using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The filters after <c>|</c>, with the signatures of Jinja's own and transformers' <c>tojson</c>.</summary>
internal static class JinjaFilters
{
    private static readonly Dictionary<string, Func<object?, CallArguments, object?>> Filters = new(StringComparer.Ordinal)
    {
        ["abs"] = Plain(value => PythonOperators.Order(value, 0L) < 0 ? PythonOperators.Negate(value) : value),
        ["capitalize"] = Plain(value => PythonText.Capitalize(PythonText.Print(value))),
        ["count"] = Plain(value => PythonOperators.Length(value)),
        ["d"] = Default,
        ["default"] = Default,
        ["dictsort"] = Plain(DictSort),
        ["first"] = Plain(value => PythonOperators.Iterate(value).FirstOrDefault(new JinjaUndefined("No first item, sequence was empty."))),
        ["float"] = Plain(ToFloat),
        ["indent"] = Indent,
        ["int"] = Plain(ToInteger),
        ["items"] = Plain(Items),
        ["join"] = Join,
        ["last"] = Plain(Last),
        ["length"] = Plain(value => PythonOperators.Length(value)),
        ["list"] = Plain(value => PythonOperators.Iterate(value).ToList()),
        ["lower"] = Plain(value => PythonText.Lower(PythonText.Print(value))),
        ["map"] = Map,
        ["reject"] = (value, arguments) => Select(value, arguments, byAttribute: false, keep: false),
        ["rejectattr"] = (value, arguments) => Select(value, arguments, byAttribute: true, keep: false),
        ["replace"] = Replace,
        ["reverse"] = Plain(Reverse),
        ["safe"] = Plain(value => new JinjaMarkup(PythonText.Print(value))),
        ["select"] = (value, arguments) => Select(value, arguments, byAttribute: false, keep: true),
        ["selectattr"] = (value, arguments) => Select(value, arguments, byAttribute: true, keep: true),
        ["string"] = Plain(value => value is JinjaMarkup ? value : PythonText.Print(value)),
        ["sum"] = Plain(value => PythonOperators.Iterate(value).Aggregate((object?)0L, (sum, item) => PythonOperators.Calculate("+", sum, item))),
        ["title"] = Plain(value => PythonText.Title(PythonText.Print(value))),
        ["tojson"] = ToJson,
        ["trim"] = Trim,
        ["unique"] = Plain(Unique),
        ["upper"] = Plain(value => PythonText.Upper(PythonText.Print(value))),
    };

    public static string Names => string.Join(", ", Filters.Keys.Order(StringComparer.Ordinal));

    public static bool Exists(string name) => Filters.ContainsKey(name);

    public static object? Apply(string name, object? value, CallArguments arguments) =>
        Filters.TryGetValue(name, out Func<object?, CallArguments, object?>? filter)
            ? filter(value, arguments)
            : throw new JinjaException("TemplateRuntimeError", $"No filter named '{name}'; known filters: {Names}.");

    private static Func<object?, CallArguments, object?> Plain(Func<object?, object?> filter) => (value, arguments) =>
    {
        arguments.Bind("filter", 0);
        return filter(value);
    };

    private static object? Default(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("default", 0, "default_value", "boolean");
        object? fallback = bound[0] == CallArguments.Absent ? "" : bound[0];
        bool replacesFalse = bound[1] != CallArguments.Absent && PythonOperators.IsTrue(bound[1]);
        return value is JinjaUndefined || (replacesFalse && !PythonOperators.IsTrue(value)) ? fallback : value;
    }

    private static string Trim(object? value, CallArguments arguments)
    {
        object? characters = arguments.Bind("trim", 0, "chars")[0];
        string? set = characters == CallArguments.Absent || characters is null ? null : PythonText.Print(characters);
        return PythonText.Strip(PythonText.Print(value), set, left: true, right: true);
    }

    private static string Replace(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("replace", 2, "old", "new", "count");
        long count = bound[2] == CallArguments.Absent || bound[2] is null ? -1 : PythonNumbers.ToLong(bound[2]);
        return PythonText.Replace(PythonText.Print(value), PythonText.Print(bound[0]), PythonText.Print(bound[1]), count);
    }

    private static string Join(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("join", 0, "d", "attribute");
        string separator = bound[0] == CallArguments.Absent ? "" : PythonText.Print(bound[0]);
        IEnumerable<object?> items = PythonOperators.Iterate(value);
        if (bound[1] != CallArguments.Absent && bound[1] is { } attribute)
            items = items.Select(item => Attribute(item, attribute));
        return string.Join(separator, items.Select(PythonText.Print));
    }

    private static string Indent(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("indent", 0, "width", "first", "blank");
        string indentation = bound[0] is string text
            ? text
            : (string)PythonOperators.Calculate("*", " ", bound[0] == CallArguments.Absent ? 4L : bound[0])!;
        bool first = bound[1] != CallArguments.Absent && PythonOperators.IsTrue(bound[1]);
        bool blank = bound[2] != CallArguments.Absent && PythonOperators.IsTrue(bound[2]);
        string[] lines = (PythonText.Print(value) + "\n").Split('\n')[..^1];
        for (int i = 0; i < lines.Length; i++)
        {
            if (i == 0 ? first : blank || lines[i].Length > 0)
                lines[i] = indentation + lines[i];
        }

        return string.Join('\n', lines);
    }

    private static object? Last(object? value) => value is PythonIterable { Length: null }
        ? throw JinjaException.Type("'generator' object is not reversible")
        : PythonOperators.Iterate(value).LastOrDefault(new JinjaUndefined("No last item, sequence was empty."));

    private static object? Reverse(object? value) => value switch
    {
        string => PythonOperators.Slice(value, null, null, -1L),
        PythonIterable { Length: null } => PythonOperators.Iterate(value).Reverse().ToList(),
        _ => PythonIterable.Generator(PythonOperators.Iterate(value).Reverse()),
    };

    private static PythonIterable Items(object? value) => PythonIterable.Generator(value switch
    {
        PythonDict dict => JinjaMethods.Items(dict),
        JinjaUndefined => [],
        _ => throw JinjaException.Type("Can only get item pairs from a mapping."),
    });

    private static List<object?> DictSort(object? value)
    {
        if (value is not PythonDict dict)
            throw JinjaException.Type($"'{PythonText.TypeName(value)}' object has no items to sort");
        Comparer<object?> byKey = Comparer<object?>.Create((left, right) => PythonOperators.Order(IgnoreCase(left), IgnoreCase(right)));
        return [.. JinjaMethods.Items(dict).OrderBy(item => ((PythonTuple)item!).Items[0], byKey)];
    }

    private static PythonIterable Unique(object? value)
    {
        PythonDict seen = [];
        return PythonIterable.Generator(PythonOperators.Iterate(value).Where(item =>
        {
            object? key = IgnoreCase(item);
            bool isNew = !seen.TryGet(key, out _);
            seen[key] = null;
            return isNew;
        }));
    }

    /// <summary>What <c>map</c> and the selecting filters go through: nothing, where the value is false, whatever it is.</summary>
    private static IEnumerable<object?> IterateIfTrue(object? value) => PythonOperators.IsTrue(value) ? PythonOperators.Iterate(value) : [];

    private static object? IgnoreCase(object? value) => value is string text ? PythonText.Lower(text) : value;

    private static PythonIterable Map(object? value, CallArguments arguments)
    {
        IEnumerable<object?> items = IterateIfTrue(value);
        if (arguments.Positional is [string filter, ..])
        {
            if (!Exists(filter))
                throw new JinjaException("TemplateAssertionError", $"No filter named '{filter}'; known filters: {Names}.");
            CallArguments passed = new([.. arguments.Positional.Skip(1)], arguments.Keyword);
            return PythonIterable.Generator(items.Select(item => Apply(filter, item, passed)));
        }

        object?[] bound = arguments.Bind("map", 0, "attribute", "default");
        if (bound[0] == CallArguments.Absent)
            throw JinjaException.Type("map requires a filter argument");
        return PythonIterable.Generator(items.Select(item =>
            Attribute(item, bound[0]!) is var mapped && mapped is JinjaUndefined && bound[1] != CallArguments.Absent ? bound[1] : mapped));
    }

    private static PythonIterable Select(object? value, CallArguments arguments, bool byAttribute, bool keep)
    {
        IReadOnlyList<object?> given = arguments.Positional;
        if (byAttribute && given.Count == 0)
            throw JinjaException.Type("Missing parameter for attribute name");
        int testIndex = byAttribute ? 1 : 0;
        string? test = given.Count > testIndex ? PythonText.Print(given[testIndex]) : null;
        if (test is not null && !JinjaTests.Exists(test))
            throw new JinjaException("TemplateRuntimeError", $"No test named '{test}'; known tests: {JinjaTests.Names}.");
        CallArguments passed = new([.. given.Skip(testIndex + 1)], arguments.Keyword);
        return PythonIterable.Generator(IterateIfTrue(value).Where(item =>
        {
            object? tested = byAttribute ? Attribute(item, given[0]!) : item;
            return keep == (test is null ? PythonOperators.IsTrue(tested) : JinjaTests.Apply(test, tested, passed));
        }));
    }

    /// <summary>An item by a dotted path, as the filters' <c>attribute</c> names it; digits are list positions.</summary>
    private static object? Attribute(object? item, object path)
    {
        foreach (string part in PythonText.Print(path).Split('.'))
        {
            object index = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : part;
            item = JinjaAccess.Item(item, index);
        }

        return item;
    }

    private static string ToJson(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = bound[1] switch
        {
            null => null,
            _ when bound[1] == CallArguments.Absent => null,
            string text => text,
            object width => (string)PythonOperators.Calculate("*", " ", width)!,
        };
        (string item, string key) = (indent is null ? ", " : ",", ": ");
        if (bound[2] is PythonTuple { Items: [string itemSeparator, string keySeparator] })
            (item, key) = (itemSeparator, keySeparator);
        return JinjaJson.ToJson(value, new JsonStyle(IsSet(bound[0]), indent, item, key, IsSet(bound[3])));
    }

    private static bool IsSet(object? flag) => flag != CallArguments.Absent && PythonOperators.IsTrue(flag);

    private static object ToInteger(object? value) => value switch
    {
        long or BigInteger => value,
        bool flag => flag ? 1L : 0L,
        double number when double.IsFinite(number) => PythonNumbers.Normalize(new BigInteger(Math.Truncate(number))),
        string text when BigInteger.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out BigInteger number) => PythonNumbers.Normalize(number),
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) =>
            PythonNumbers.Normalize(new BigInteger(Math.Truncate(number))),
        _ => 0L,
    };

    private static object ToFloat(object? value) => value switch
    {
        string text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : 0.0,
        _ when PythonNumbers.IsNumber(value) => PythonNumbers.ToDouble(value!),
        _ => 0.0,
    };
}
