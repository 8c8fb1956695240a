using System.Collections;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja;

// The values of templates are Python's: null is None; bool, string and double are themselves; integers are long, or BigInteger where a
// long is too small; lists are List<object?>; the rest is here.

/// <summary>A name or item that is not there: prints as nothing, is false, and fails when used further.</summary>
internal sealed class JinjaUndefined(string description)
{
    /// <summary>What is missing, in Jinja's words.</summary>
    public string Description { get; } = description;
}

/// <summary>An immutable list.</summary>
internal sealed class PythonTuple(IReadOnlyList<object?> items)
{
    public IReadOnlyList<object?> Items { get; } = items;
}

/// <summary>A mapping that keeps the order of insertion; keys compare as Python's do.</summary>
internal sealed class PythonDict : IEnumerable<KeyValuePair<object, object?>>
{
    private readonly OrderedDictionary<object, object?> _items = new(KeyComparer.Instance);

    public int Count => _items.Count;

    public IEnumerable<object> Keys => _items.Keys;

    public IEnumerable<object?> Values => _items.Values;

    public object? this[object? key]
    {
        set => _items[Key(key)] = value;
    }

    public bool TryGet(object? key, out object? value) => _items.TryGetValue(Key(key), out value);

    public IEnumerator<KeyValuePair<object, object?>> GetEnumerator() => _items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static object Key(object? key) => key switch
    {
        null => NoneKey.Instance,
        List<object?> or PythonDict => throw JinjaException.Type($"unhashable type: '{PythonText.TypeName(key)}'"),
        _ => key,
    };

    /// <summary>A key as the value that templates see.</summary>
    public static object? KeyValue(object key) => key is NoneKey ? null : key;

    private sealed class NoneKey
    {
        public static readonly NoneKey Instance = new();
    }

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static readonly KeyComparer Instance = new();

        public new bool Equals(object? left, object? right) => PythonOperators.AreEqual(left, right);

        public int GetHashCode(object key) => key switch
        {
            string or JinjaMarkup => key.ToString()!.GetHashCode(StringComparison.Ordinal),
            bool or long or BigInteger or double => PythonNumbers.ToDouble(key).GetHashCode(),
            PythonTuple tuple => tuple.Items.Count,
            _ => key.GetHashCode(),
        };
    }
}

/// <summary>Text that the <c>safe</c> filter marked; it prints as it is.</summary>
internal sealed record JinjaMarkup(string Text)
{
    public override string ToString() => Text;
}

/// <summary>The one mutable value: <c>{% set ns.attribute = … %}</c>.</summary>
internal sealed class JinjaNamespace(PythonDict attributes)
{
    public PythonDict Attributes { get; } = attributes;
}

/// <summary>Something a template can call: a macro, a global function, a method of a value.</summary>
internal sealed class JinjaFunction(string name, Func<CallArguments, object?> call)
{
    public string Name { get; } = name;

    public object? Call(CallArguments arguments) => call(arguments);
}

/// <summary>
/// What can only be gone through: a view of a mapping, again and again, or a generator, such as the filter <c>select</c> gives, once and
/// no sooner than it is asked. A generator is true even where nothing comes, and neither has items by position.
/// </summary>
internal sealed class PythonIterable(string typeName, IEnumerable<object?> items, long? length)
{
    private readonly IEnumerator<object?>? _once = length is null ? items.GetEnumerator() : null;

    public string TypeName { get; } = typeName;

    /// <summary>Null for a generator, which does not know it.</summary>
    public long? Length { get; } = length;

    public static PythonIterable Generator(IEnumerable<object?> items) => new("generator", items, null);

    public IEnumerable<object?> Items() => _once is null ? items : Rest(_once);

    private static IEnumerable<object?> Rest(IEnumerator<object?> enumerator)
    {
        while (enumerator.MoveNext())
            yield return enumerator.Current;
    }
}

/// <summary>Python's <c>range</c>, within the sandbox's limit on its length.</summary>
internal sealed record PythonRange(long Start, long Stop, long Step)
{
    /// <summary>The limit of Jinja's sandbox.</summary>
    private const long MaxLength = 100_000;

    public long Length { get; } = CheckedLength(Start, Stop, Step);

    public IEnumerable<object?> Items()
    {
        for (long i = 0; i < Length; i++)
            yield return Start + (i * Step);
    }

    private static long CheckedLength(long start, long stop, long step)
    {
        if (step == 0)
            throw new JinjaException("ValueError", "range() arg 3 must not be zero");
        Int128 distance = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 size = step > 0 ? step : -(Int128)step;
        Int128 length = distance <= 0 ? 0 : (distance + size - 1) / size;
        return length <= MaxLength
            ? (long)length
            : throw new JinjaException("OverflowError", $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxLength}).");
    }
}
