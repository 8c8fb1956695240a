using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Python's operators on the values of templates, with Python's errors.</summary>
internal static class PythonOperators
{
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        string text => text.Length > 0,
        JinjaMarkup markup => markup.Text.Length > 0,
        long number => number != 0,
        double number => number != 0,
        BigInteger number => !number.IsZero,
        List<object?> list => list.Count > 0,
        PythonTuple tuple => tuple.Items.Count > 0,
        PythonDict dict => dict.Count > 0,
        PythonRange range => range.Length > 0,
        PythonIterable iterable => iterable.Length is not 0,
        _ => true,
    };

    public static bool AreEqual(object? left, object? right)
    {
        int budget = JinjaLimits.Steps;
        return AreEqual(left, right, ref budget);
    }

    public static bool Compare(string symbol, object? left, object? right)
    {
        switch (symbol)
        {
            case "==":
                return AreEqual(left, right);
            case "!=":
                return !AreEqual(left, right);
            case "in":
                return Contains(right, left);
            case "not in":
                return !Contains(right, left);
        }

        // Every comparison with NaN is false, which no order of the two can say.
        if (left is double.NaN || right is double.NaN)
            return false;
        int order = Order(left, right, symbol);
        return symbol switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    /// <summary>The order of two values; a TypeError where Python has none.</summary>
    public static int Order(object? left, object? right, string symbol = "<")
    {
        FailIfUndefined(left);
        FailIfUndefined(right);
        if (PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right))
            return PythonNumbers.Compare(left!, right!);
        if (left is string or JinjaMarkup && right is string or JinjaMarkup)
            return CompareText(left.ToString()!, right.ToString()!);
        if (SequenceItems(left) is { } a && SequenceItems(right) is { } b && left!.GetType() == right!.GetType())
        {
            for (int i = 0; i < Math.Min(a.Count, b.Count); i++)
            {
                if (!AreEqual(a[i], b[i]))
                    return Order(a[i], b[i], symbol);
            }

            return a.Count.CompareTo(b.Count);
        }

        throw JinjaException.Type(
            $"'{symbol}' not supported between instances of '{PythonText.TypeName(left)}' and '{PythonText.TypeName(right)}'");
    }

    public static bool Contains(object? container, object? item) => container switch
    {
        string or JinjaMarkup => item is string or JinjaMarkup
            ? container.ToString()!.Contains(item.ToString()!, StringComparison.Ordinal)
            : throw JinjaException.Type($"'in <string>' requires string as left operand, not {PythonText.TypeName(item)}"),
        PythonDict dict => dict.TryGet(item, out _),
        List<object?> or PythonTuple or PythonRange or PythonIterable or JinjaUndefined => Iterate(container).Any(other => AreEqual(other, item)),
        _ => throw JinjaException.Type($"argument of type '{PythonText.TypeName(container)}' is not iterable"),
    };

    public static object? Calculate(string symbol, object? left, object? right)
    {
        FailIfUndefined(left);
        FailIfUndefined(right);
        if (PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right))
            return PythonNumbers.Calculate(symbol, left!, right!);
        if (left is JinjaMarkup || right is JinjaMarkup)
            throw JinjaException.Unsupported($"The operator '{symbol}' on text from the filter 'safe'");
        switch (symbol)
        {
            case "+" when left is string text:
                return right is string other
                    ? Limited(text.Length + (long)other.Length, () => text + other)
                    : throw JinjaException.Type($"can only concatenate str (not \"{PythonText.TypeName(right)}\") to str");
            case "+" when left is List<object?> list:
                return right is List<object?> more
                    ? Limited(list.Count + (long)more.Count, () => new List<object?>([.. list, .. more]))
                    : throw JinjaException.Type($"can only concatenate list (not \"{PythonText.TypeName(right)}\") to list");
            case "+" when left is PythonTuple a && right is PythonTuple b:
                return new PythonTuple([.. a.Items, .. b.Items]);
            case "*" when PythonNumbers.IsInteger(right) && left is string or List<object?>:
                return Repeat(left, PythonNumbers.ToLong(right));
            case "*" when PythonNumbers.IsInteger(left) && right is string or List<object?>:
                return Repeat(right, PythonNumbers.ToLong(left));
            case "%" when left is string:
                throw JinjaException.Unsupported("Formatting with '%'");
            default:
                string shown = symbol == "**" ? "** or pow()" : symbol;
                throw JinjaException.Type(
                    $"unsupported operand type(s) for {shown}: '{PythonText.TypeName(left)}' and '{PythonText.TypeName(right)}'");
        }
    }

    public static object Negate(object? value)
    {
        FailIfUndefined(value);
        return PythonNumbers.IsNumber(value)
            ? PythonNumbers.Negate(value!)
            : throw JinjaException.Type($"bad operand type for unary -: '{PythonText.TypeName(value)}'");
    }

    public static long Length(object? value) => value switch
    {
        string or JinjaMarkup => PythonText.Length(value.ToString()!),
        List<object?> list => list.Count,
        PythonTuple tuple => tuple.Items.Count,
        PythonDict dict => dict.Count,
        PythonRange range => range.Length,
        PythonIterable { Length: long length } => length,
        JinjaUndefined => 0,
        _ => throw JinjaException.Type($"object of type '{PythonText.TypeName(value)}' has no len()"),
    };

    /// <summary>What a <c>for</c> over the value goes through; a mapping gives its keys, an undefined value nothing.</summary>
    public static IEnumerable<object?> Iterate(object? value) => value switch
    {
        List<object?> list => list,
        PythonTuple tuple => tuple.Items,
        string or JinjaMarkup => PythonText.Characters(value.ToString()!),
        PythonDict dict => dict.Keys.Select(PythonDict.KeyValue),
        PythonRange range => range.Items(),
        PythonIterable iterable => iterable.Items(),
        JinjaUndefined => [],
        _ => throw JinjaException.Type($"'{PythonText.TypeName(value)}' object is not iterable"),
    };

    public static bool IsIterable(object? value) =>
        value is List<object?> or PythonTuple or string or JinjaMarkup or PythonDict or PythonRange or PythonIterable or JinjaUndefined;

    /// <summary>The item at an index or key, or false where there is none.</summary>
    public static bool TryItem(object? target, object? index, out object? item)
    {
        item = null;
        if (target is PythonDict dict)
            return index is not (List<object?> or PythonDict) && dict.TryGet(index, out item);
        if (SequenceItems(target) is not { } items || !PythonNumbers.IsInteger(index))
            return false;
        long position = PythonNumbers.ToLong(index);
        if (position < 0)
            position += items.Count;
        if (position < 0 || position >= items.Count)
            return false;
        item = items[(int)position];
        return true;
    }

    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        FailIfUndefined(target);
        if (SequenceItems(target) is not { } items)
            throw JinjaException.Type($"'{PythonText.TypeName(target)}' object is not subscriptable");
        long stride = step is null ? 1 : PythonNumbers.ToLong(step);
        if (stride == 0)
            throw new JinjaException("ValueError", "slice step cannot be zero");
        (long lower, long upper) = stride > 0 ? (0, (long)items.Count) : (-1, items.Count - 1L);
        long first = start is null ? (stride > 0 ? lower : upper) : Bound(start, items.Count, lower, upper);
        long last = stop is null ? (stride > 0 ? upper : lower) : Bound(stop, items.Count, lower, upper);
        List<object?> slice = [];
        for (long i = first; stride > 0 ? i < last : i > last; i += stride)
            slice.Add(items[(int)i]);
        return target switch
        {
            string => string.Concat(slice),
            PythonTuple => new PythonTuple(slice),
            _ => slice,
        };
    }

    public static void FailIfUndefined(object? value)
    {
        if (value is JinjaUndefined undefined)
            throw JinjaException.Undefined(undefined.Description);
    }

    private static IReadOnlyList<object?>? SequenceItems(object? value) => value switch
    {
        List<object?> list => list,
        PythonTuple tuple => tuple.Items,
        string text => PythonText.Characters(text),
        PythonRange range => [.. range.Items()],
        _ => null,
    };

    private static long Bound(object value, int count, long lower, long upper)
    {
        long position = PythonNumbers.ToLong(value);
        if (position < 0)
            position = position < -count ? long.MinValue : position + count;
        return Math.Clamp(position, lower, upper);
    }

    private static bool AreEqual(object? left, object? right, ref int budget)
    {
        JinjaLimits.CheckStack();
        if (--budget < 0)
            throw JinjaException.Limit("two values are too large to compare");
        return (left, right) switch
        {
            (JinjaUndefined, JinjaUndefined) => true,
            (string or JinjaMarkup, string or JinjaMarkup) => left.ToString() == right.ToString(),
            (List<object?> a, List<object?> b) => AreEqual(a, b, ref budget),
            (PythonTuple a, PythonTuple b) => AreEqual(a.Items, b.Items, ref budget),
            (PythonDict a, PythonDict b) => AreEqual(a, b, ref budget),
            (PythonRange a, PythonRange b) => a.Items().SequenceEqual(b.Items()),
            _ when PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right) => PythonNumbers.AreEqual(left!, right!),
            _ => ReferenceEquals(left, right),
        };
    }

    private static bool AreEqual(IReadOnlyList<object?> left, IReadOnlyList<object?> right, ref int budget)
    {
        if (left.Count != right.Count)
            return false;
        for (int i = 0; i < left.Count; i++)
        {
            if (!AreEqual(left[i], right[i], ref budget))
                return false;
        }

        return true;
    }

    private static bool AreEqual(PythonDict left, PythonDict right, ref int budget)
    {
        if (left.Count != right.Count)
            return false;
        foreach ((object key, object? value) in left)
        {
            if (!right.TryGet(PythonDict.KeyValue(key), out object? other) || !AreEqual(value, other, ref budget))
                return false;
        }

        return true;
    }

    /// <summary>By code points, where .NET's ordinal order goes by UTF-16 units.</summary>
    private static int CompareText(string left, string right)
    {
        int common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length)
            return left.Length.CompareTo(right.Length);
        bool leftAstral = char.IsSurrogate(left[common]);
        bool rightAstral = char.IsSurrogate(right[common]);
        return leftAstral == rightAstral ? left[common].CompareTo(right[common]) : leftAstral.CompareTo(rightAstral);
    }

    private static object Repeat(object value, long count)
    {
        long times = Math.Max(count, 0);
        return value is string text
            ? Limited(checked((Int128)text.Length * times), () => string.Concat(Enumerable.Repeat(text, (int)times)))
            : Limited((Int128)((List<object?>)value).Count * times, () =>
                new List<object?>(Enumerable.Repeat((List<object?>)value, (int)times).SelectMany(items => items)));
    }

    private static T Limited<T>(Int128 length, Func<T> make)
    {
        JinjaLimits.CheckLength(length);
        return make();
    }
}
