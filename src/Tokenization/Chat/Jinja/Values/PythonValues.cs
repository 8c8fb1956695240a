using System.Collections;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

// The values of templates are Python's: null is None; bool and double are themselves; integers are long, or BigInteger where a long is
// too small; the rest is in this folder.

/// <summary>Booleans and small integers, boxed once.</summary>
internal static class Boxed
{
    public static readonly object True = true;
    public static readonly object False = false;

    private static readonly object[] _integers = [.. Enumerable.Range(-16, 1040).Select(number => (object)(long)number)];

    public static object From(bool value) => value ? True : False;

    public static object From(long value) => value is >= -16 and < 1024 ? _integers[value + 16] : value;
}

/// <summary>Python's <c>list</c>. Templates may take items out of one, as the sandbox allows, but not put any in.</summary>
internal sealed class PythonList(List<object?> items)
{
    public PythonList(IEnumerable<object?> items)
        : this(new List<object?>(items))
    {
    }

    public List<object?> Items { get; } = items;
}

/// <summary>Python's <c>tuple</c>, perhaps with names for its items.</summary>
internal sealed class PythonTuple(object?[] items, string[]? names = null)
{
    public object?[] Items { get; } = items;

    public bool TryAttribute(string name, out object? value)
    {
        int index = names is null ? -1 : Array.IndexOf(names, name);
        value = index < 0 ? null : Items[index];
        return index >= 0;
    }
}

/// <summary><c>{% set ns.attribute = … %}</c> changes it.</summary>
internal sealed class JinjaNamespace(PythonDict attributes)
{
    public PythonDict Attributes { get; } = attributes;
}

/// <summary>What a mapping's <c>keys()</c>, <c>values()</c> or <c>items()</c> gives: goes with the mapping, again and again.</summary>
internal sealed class PythonView(string typeName, PythonDict dict, Func<PythonDict, IEnumerable<object?>> select)
{
    public string TypeName { get; } = typeName;

    public PythonDict Dict { get; } = dict;

    public IEnumerable<object?> Items => select(Dict);

    public static PythonView Keys(PythonDict dict) => new("dict_keys", dict, source => source.Keys);

    public static PythonView Values(PythonDict dict) => new("dict_values", dict, source => source.Values);

    public static PythonView ItemPairs(PythonDict dict) => new("dict_items", dict, source => source.Pairs);
}

/// <summary>
/// What can be gone through once and no sooner than it is asked, such as the result of the filter <c>select</c>. It is true even where
/// nothing comes, and has neither a length nor items by position.
/// </summary>
internal sealed class PythonIterator(IEnumerable<object?> items, string typeName = "generator") : IEnumerable<object?>
{
    private readonly IEnumerator<object?> _rest = items.GetEnumerator();

    public string TypeName { get; } = typeName;

    public IEnumerator<object?> GetEnumerator()
    {
        while (MoveNext())
            yield return _rest.Current;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>One iterator may go through another, and that through a third.</summary>
    private bool MoveNext()
    {
        JinjaLimits.CheckStack();
        return _rest.MoveNext();
    }
}

/// <summary>Python's <c>range</c>, within the sandbox's limit on its length.</summary>
internal sealed class PythonRange
{
    /// <summary>The limit of Jinja's sandbox.</summary>
    private const long MaxLength = 100_000;

    public PythonRange(long start, long stop, long step)
    {
        if (step == 0)
            throw JinjaException.Value("range() arg 3 must not be zero");
        Int128 distance = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 size = step > 0 ? step : -(Int128)step;
        Int128 length = distance <= 0 ? 0 : (distance + size - 1) / size;
        if (length > MaxLength)
            throw new JinjaException("OverflowError", $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxLength}).");
        (Start, Stop, Step, Length) = (start, stop, step, (int)length);
    }

    public long Start { get; }

    public long Stop { get; }

    public long Step { get; }

    public int Length { get; }

    public object this[int index] => Boxed.From(Start + (index * Step));

    public IEnumerable<object?> Items => Enumerable.Range(0, Length).Select(index => this[index]);
}
