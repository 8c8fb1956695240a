using System.Collections.Frozen;
using System.Text;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The methods of dict, list, tuple, range and bytes that the sandbox allows.</summary>
internal static class ContainerMethods
{
    private static readonly FrozenSet<string> _unsafeOfDicts = FrozenSet.Create("clear", "pop", "popitem", "setdefault", "update");
    private static readonly FrozenSet<string> _unsafeOfLists = FrozenSet.Create("append", "reverse", "insert", "sort", "extend", "remove");

    private static readonly FrozenDictionary<string, Func<object, Arguments, object?>> _dict = new Dictionary<string, Func<object, Arguments, object?>>
    {
        ["get"] = (target, arguments) => Get((PythonDict)target, arguments),
        ["items"] = (target, arguments) => View("items", arguments, PythonView.ItemPairs((PythonDict)target)),
        ["keys"] = (target, arguments) => View("keys", arguments, PythonView.Keys((PythonDict)target)),
        ["values"] = (target, arguments) => View("values", arguments, PythonView.Values((PythonDict)target)),
        ["copy"] = (target, arguments) => View("copy", arguments, ((PythonDict)target).Copy()),
        ["fromkeys"] = (_, arguments) => FromKeys(arguments),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Func<object, Arguments, object?>> _sequence = new Dictionary<string, Func<object, Arguments, object?>>
    {
        ["count"] = (target, arguments) => Boxed.From(Count(target, arguments)),
        ["index"] = (target, arguments) => Boxed.From(Index(target, arguments)),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Func<object, Arguments, object?>> _list = new Dictionary<string, Func<object, Arguments, object?>>(_sequence)
    {
        ["copy"] = (target, arguments) => View("list.copy", arguments, new PythonList([.. ((PythonList)target).Items])),
        ["pop"] = (target, arguments) => Pop((PythonList)target, arguments),
        ["clear"] = (target, arguments) =>
        {
            ((PythonList)target).Items.Clear();
            return View("list.clear", arguments, null);
        },
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Func<object, Arguments, object?>> _bytes = new Dictionary<string, Func<object, Arguments, object?>>
    {
        ["decode"] = (target, _) => PythonString.FromContent(Encoding.UTF8.GetString(((PythonBytes)target).Bytes)),
        ["hex"] = (target, arguments) => View("hex", arguments, PythonString.FromContent(Convert.ToHexStringLower(((PythonBytes)target).Bytes))),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static bool IsUnsafe(object target, string name) =>
        (target is PythonDict && _unsafeOfDicts.Contains(name)) || (target is PythonList && _unsafeOfLists.Contains(name));

    public static Func<object, Arguments, object?>? FindOfDict(string name) => _dict.GetValueOrDefault(name);

    public static Func<object, Arguments, object?>? Find(object target, string name) => (target switch
    {
        PythonDict => _dict,
        PythonList => _list,
        PythonBytes => _bytes,
        _ => _sequence,
    }).GetValueOrDefault(name);

    private static object? Get(PythonDict dict, Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("get", 1, 2);
        if (dict.TryGet(bound[0], out object? value))
            return value;
        return bound[1] == Arguments.Absent ? null : bound[1];
    }

    private static object? View(string name, Arguments arguments, object? view)
    {
        arguments.BindPositional(name, 0, 0);
        return view;
    }

    private static PythonDict FromKeys(Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("fromkeys", 1, 2);
        PythonDict dict = new();
        foreach (object? key in Iteration.Over(bound[0]))
            dict.Set(key, bound[1] == Arguments.Absent ? null : bound[1]);
        return dict;
    }

    private static long Count(object target, Arguments arguments)
    {
        object? item = arguments.BindPositional("count", 1, 1)[0];
        return Iteration.Items(target).Count(other => PythonOperators.AreEqual(other, item));
    }

    private static long Index(object target, Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("index", 1, 3);
        IReadOnlyList<object?> items = Iteration.Items(target);
        long start = Bound(bound[1], items.Count, 0);
        long end = Math.Min(Bound(bound[2], items.Count, items.Count), items.Count);
        for (long i = start; i < end; i++)
        {
            if (PythonOperators.AreEqual(items[(int)i], bound[0]))
                return i;
        }

        throw JinjaException.Value(target is PythonTuple
            ? "tuple.index(x): x not in tuple"
            : $"{PythonPrinter.Represent(bound[0])} is not in {PythonTypes.Name(target)}");
    }

    private static long Bound(object? value, int count, long fallback)
    {
        if (value == Arguments.Absent)
            return fallback;
        long position = PythonNumbers.ToLong(value);
        return position < 0 ? Math.Max(position + count, 0) : position;
    }

    private static object? Pop(PythonList list, Arguments arguments)
    {
        object? index = arguments.BindPositional("pop", 0, 1)[0];
        long position = index == Arguments.Absent ? -1 : PythonNumbers.ToLong(index);
        if (list.Items.Count == 0)
            throw new JinjaException("IndexError", "pop from empty list");
        if (position < 0)
            position += list.Items.Count;
        if (position < 0 || position >= list.Items.Count)
            throw new JinjaException("IndexError", "pop index out of range");
        object? item = list.Items[(int)position];
        list.Items.RemoveAt((int)position);
        return item;
    }
}
