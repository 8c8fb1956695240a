using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters that compare or add up items.</summary>
internal static class OrderFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["sort"] = (value, arguments, _) => Sort(value, arguments),
        ["dictsort"] = (value, arguments, _) => SortDict(value, arguments),
        ["groupby"] = (value, arguments, _) => Group(value, arguments),
        ["unique"] = (value, arguments, _) => Unique(value, arguments),
        ["min"] = (value, arguments, _) => Extreme("do_min", value, arguments, 1),
        ["max"] = (value, arguments, _) => Extreme("do_max", value, arguments, -1),
        ["sum"] = (value, arguments, _) => Sum(value, arguments),
    };

    private static PythonList Sort(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_sort", 0, "reverse", "case_sensitive", "attribute");
        bool isCaseSensitive = IsSet(bound[1]);
        AttributePath[] paths = bound[2] is PythonString list
            ? [.. TextSplitting.Split(list, ",", -1).Select(part => new AttributePath(part))]
            : [new AttributePath(Optional(bound[2]))];
        return new PythonList(PythonOperators.Sort(
            Iteration.ToList(value),
            item => new PythonList(new List<object?>(paths.Select(path => path.GetKey(item, isCaseSensitive)))),
            IsSet(bound[0])));
    }

    private static PythonList SortDict(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_dictsort", 0, "case_sensitive", "by", "reverse");
        string by = bound[1] == Arguments.Absent ? "key" : PythonPrinter.ToText(bound[1]).Text;
        if (by is not ("key" or "value"))
            throw JinjaException.Argument("You can only sort by either \"key\" or \"value\"");
        PythonOperators.FailIfUndefined(value);
        if (value is not PythonDict dict)
            throw new JinjaException("AttributeError", $"'{PythonTypes.Name(value)}' object has no attribute 'items'");
        int position = by == "key" ? 0 : 1;
        bool isCaseSensitive = IsSet(bound[0]);
        return new PythonList(PythonOperators.Sort(
            dict.Pairs, pair => AttributePath.IgnoreCase(((PythonTuple)pair!).Items[position], isCaseSensitive), IsSet(bound[2])));
    }

    private static PythonList Group(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("sync_do_groupby", 1, "attribute", "default", "case_sensitive");
        bool isCaseSensitive = IsSet(bound[2]);
        AttributePath path = new(bound[0], Optional(bound[1]));
        List<object?> groups = [];
        List<object?> members = [];
        object? current = null;
        foreach (object? item in PythonOperators.Sort(Iteration.ToList(value), item => path.GetKey(item, isCaseSensitive)))
        {
            object? key = path.GetKey(item, isCaseSensitive);
            if (members.Count == 0 || !PythonOperators.AreEqual(key, current))
            {
                members = [];
                groups.Add(new PythonTuple([isCaseSensitive ? key : path.Get(item), new PythonList(members)], ["grouper", "list"]));
                current = key;
            }

            members.Add(item);
        }

        return new PythonList(groups);
    }

    private static PythonIterator Unique(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_unique", 0, "case_sensitive", "attribute");
        return new PythonIterator(Distinct(value, new AttributePath(Optional(bound[1])), IsSet(bound[0])));
    }

    private static IEnumerable<object?> Distinct(object? value, AttributePath path, bool isCaseSensitive)
    {
        PythonDict seen = new();
        foreach (object? item in Iteration.Over(value))
        {
            object? key = path.GetKey(item, isCaseSensitive);
            if (seen.TryGet(key, out _))
                continue;
            seen.Set(key, null);
            yield return item;
        }
    }

    private static object? Extreme(string callee, object? value, Arguments arguments, int sign)
    {
        object?[] bound = arguments.Bind(callee, 0, "case_sensitive", "attribute");
        AttributePath path = new(Optional(bound[1]));
        bool isCaseSensitive = IsSet(bound[0]);
        object? best = null;
        object? bestKey = null;
        bool isFirst = true;
        foreach (object? item in Iteration.Over(value))
        {
            object? key = path.GetKey(item, isCaseSensitive);
            if (isFirst || Math.Sign(PythonOperators.Order(key, bestKey, sign > 0 ? "<" : ">") ?? sign) * sign < 0)
                (best, bestKey) = (item, key);
            isFirst = false;
        }

        return isFirst ? new JinjaUndefined("No aggregated item, sequence was empty.") : best;
    }

    private static object? Sum(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("sync_do_sum", 0, "attribute", "start");
        AttributePath path = new(Optional(bound[0]));
        object? sum = bound[1] == Arguments.Absent ? Boxed.From(0) : bound[1];
        if (sum is PythonString)
            throw JinjaException.Type("sum() can't sum strings [use ''.join(seq) instead]");
        foreach (object? item in Iteration.Over(value))
            sum = PythonOperators.Add(sum, path.Get(item));
        return sum;
    }

    private static object? Optional(object? value) => value == Arguments.Absent ? null : value;

    private static bool IsSet(object? flag) => flag != Arguments.Absent && PythonOperators.IsTrue(flag);
}
