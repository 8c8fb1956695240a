using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters about the items of a value: how many, which, in what portions; and what stands for a missing value.</summary>
internal static class SequenceFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["length"] = (value, arguments, _) => Length(value, arguments),
        ["count"] = (value, arguments, _) => Length(value, arguments),
        ["default"] = (value, arguments, _) => Default(value, arguments),
        ["d"] = (value, arguments, _) => Default(value, arguments),
        ["first"] = (value, arguments, _) => First(value, arguments),
        ["last"] = (value, arguments, _) => Last(value, arguments),
        ["random"] = (value, arguments, _) => Any(value, arguments),
        ["list"] = (value, arguments, _) => List(value, arguments),
        ["items"] = (value, arguments, _) => Items(value, arguments),
        ["reverse"] = (value, arguments, _) => Reverse(value, arguments),
        ["join"] = (value, arguments, _) => Join(value, arguments),
        ["batch"] = (value, arguments, _) => Batch(value, arguments),
        ["slice"] = (value, arguments, _) => Slice(value, arguments),
        ["attr"] = (value, arguments, _) => Attribute(value, arguments),
    };

    private static object Length(object? value, Arguments arguments)
    {
        if (arguments != Arguments.None)
            throw JinjaException.Type($"len() takes exactly one argument ({1 + arguments.Positional.Length} given)");
        return Boxed.From(Iteration.Length(value));
    }

    private static object? Default(object? value, Arguments arguments)
    {
        if (value is not JinjaUndefined && arguments.Positional.Length < 2 && arguments.Names.Length == 0)
            return value;
        object?[] bound = arguments.Bind("do_default", 0, "default_value", "boolean");
        bool replacesFalse = bound[1] != Arguments.Absent && PythonOperators.IsTrue(bound[1]);
        if (value is not JinjaUndefined && !(replacesFalse && !PythonOperators.IsTrue(value)))
            return value;
        return bound[0] == Arguments.Absent ? PythonString.Empty : bound[0];
    }

    private static object? First(object? value, Arguments arguments)
    {
        arguments.Bind("sync_do_first", 0);
        foreach (object? item in Iteration.Over(value))
            return item;
        return new JinjaUndefined("No first item, sequence was empty.");
    }

    /// <summary>Always the first item: a conversation has to render alike every time.</summary>
    private static object? Any(object? value, Arguments arguments)
    {
        arguments.Bind("do_random", 0);
        if (Iteration.Length(value) == 0)
            return new JinjaUndefined("No random item, sequence was empty.");
        return Iteration.TryItem(value, Boxed.From(0), out object? item) ? item : throw new JinjaException("KeyError", "0");
    }

    private static object? Last(object? value, Arguments arguments)
    {
        arguments.Bind("do_last", 0);
        if (value is PythonIterator || !Iteration.IsIterable(value))
            throw JinjaException.Type($"'{PythonTypes.Name(value)}' object is not reversible");
        foreach (object? item in Iteration.Items(value).Reverse())
            return item;
        return new JinjaUndefined("No last item, sequence was empty.");
    }

    private static PythonList List(object? value, Arguments arguments)
    {
        arguments.Bind("sync_do_list", 0);
        return new PythonList(Iteration.ToList(value));
    }

    private static PythonIterator Items(object? value, Arguments arguments)
    {
        arguments.Bind("do_items", 0);
        return new PythonIterator(Pairs(value));
    }

    private static IEnumerable<object?> Pairs(object? value)
    {
        if (value is JinjaUndefined)
            yield break;
        if (value is not PythonDict dict)
            throw JinjaException.Type("Can only get item pairs from a mapping.");
        foreach (object? pair in dict.Pairs)
            yield return pair;
    }

    private static object Reverse(object? value, Arguments arguments)
    {
        arguments.Bind("do_reverse", 0);
        if (value is PythonString text)
            return Iteration.Slice(text, null, null, -1L)!;
        if (!Iteration.IsIterable(value))
            throw JinjaException.Argument("argument must be iterable");
        List<object?> items = Iteration.ToList(value);
        items.Reverse();
        return value is PythonIterator
            ? new PythonList(items)
            : new PythonIterator(items, value switch { PythonList => "list_reverseiterator", PythonDict => "dict_reversekeyiterator", PythonRange => "range_iterator", _ => "reversed" });
    }

    private static PythonString Join(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("sync_do_join", 0, "d", "attribute");
        PythonString separator = bound[0] == Arguments.Absent ? PythonString.Empty : PythonPrinter.ToText(bound[0]);
        AttributePath? path = bound[1] is null || bound[1] == Arguments.Absent ? null : new AttributePath(bound[1]);
        if (!Iteration.IsIterable(value))
            throw JinjaException.Type($"'{PythonTypes.Name(value)}' object is not iterable");
        TextBuilder joined = new();
        bool isFirst = true;
        foreach (object? item in Iteration.Over(value))
        {
            if (!isFirst)
                joined.Append(separator);
            isFirst = false;
            PythonPrinter.Print(path is null ? item : path.Get(item), joined);
        }

        return joined.ToPythonString();
    }

    private static PythonIterator Batch(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_batch", 1, "linecount", "fill_with");
        return new PythonIterator(Portions(value, bound[0], bound[1] == Arguments.Absent ? null : bound[1]));
    }

    private static IEnumerable<object?> Portions(object? value, object? size, object? fill)
    {
        List<object?> portion = [];
        foreach (object? item in Iteration.Over(value))
        {
            if (PythonOperators.AreEqual((long)portion.Count, size))
            {
                yield return new PythonList(portion);
                portion = [];
            }

            portion.Add(item);
        }

        if (portion.Count == 0)
            yield break;
        if (fill is not null && PythonNumbers.ToLong(size) is var full && portion.Count < full)
        {
            JinjaLimits.CheckLength(full);
            portion.AddRange(Enumerable.Repeat(fill, (int)full - portion.Count));
        }

        yield return new PythonList(portion);
    }

    private static PythonIterator Slice(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("sync_do_slice", 1, "slices", "fill_with");
        return new PythonIterator(Columns(value, bound[0], bound[1] == Arguments.Absent ? null : bound[1]));
    }

    private static IEnumerable<object?> Columns(object? value, object? slices, object? fill)
    {
        List<object?> items = Iteration.ToList(value);
        long count = PythonNumbers.ToLong(slices);
        if (count == 0)
            throw new JinjaException("ZeroDivisionError", "integer division or modulo by zero");
        JinjaLimits.CheckLength(count);
        int size = (int)(items.Count / Math.Max(count, 1));
        int larger = (int)(items.Count % Math.Max(count, 1));
        for (int i = 0, start = 0; i < count; i++)
        {
            int end = start + size + (i < larger ? 1 : 0);
            List<object?> column = items[start..end];
            if (fill is not null && i >= larger)
                column.Add(fill);
            yield return new PythonList(column);
            start = end;
        }
    }

    private static object? Attribute(object? value, Arguments arguments)
    {
        PythonString name = TextSearch.Text(arguments.Bind("do_attr", 1, "name")[0]);
        PythonOperators.FailIfUndefined(value);
        return Access.TryAttribute(value, name.Text, out object? attribute) ? attribute : JinjaUndefined.Attribute(value, name.Text);
    }
}
