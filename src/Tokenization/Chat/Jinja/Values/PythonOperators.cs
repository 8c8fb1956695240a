using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's operators on the values of templates, with Python's errors.</summary>
internal static class PythonOperators
{
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        PythonString text => !text.IsEmpty,
        long number => number != 0,
        double number => number != 0,
        BigInteger number => !number.IsZero,
        PythonList list => list.Items.Count > 0,
        PythonTuple tuple => tuple.Items.Length > 0,
        PythonDict dict => dict.Count > 0,
        PythonRange range => range.Length > 0,
        PythonView view => view.Dict.Count > 0,
        PythonBytes bytes => bytes.Bytes.Length > 0,
        _ => true,
    };

    public static bool AreEqual(object? left, object? right)
    {
        if (left is PythonString a && right is PythonString b)
            return a.Text == b.Text;
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

        return Order(left, right, symbol) is { } order
            && symbol switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    /// <summary>The order of two values, null where a number is NaN; a TypeError where Python has none.</summary>
    public static int? Order(object? left, object? right, string symbol = "<")
    {
        FailIfUndefined(left);
        FailIfUndefined(right);
        if (PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right))
            return PythonNumbers.Compare(left!, right!);
        if (left is PythonString a && right is PythonString b)
            return CodePoints.Compare(a.Text, b.Text);
        if ((left, right) is (PythonList, PythonList) or (PythonTuple, PythonTuple))
            return OrderItems(Iteration.Items(left), Iteration.Items(right), symbol);
        throw JinjaException.Type(
            $"'{symbol}' not supported between instances of '{PythonTypes.Name(left)}' and '{PythonTypes.Name(right)}'");
    }

    public static bool Contains(object? container, object? item)
    {
        switch (container)
        {
            case PythonString text:
                return item is PythonString part
                    ? text.Text.Contains(part.Text, StringComparison.Ordinal)
                    : throw JinjaException.Type($"'in <string>' requires string as left operand, not {PythonTypes.Name(item)}");
            case PythonDict dict:
                return dict.TryGet(item, out _);
            case PythonView { TypeName: "dict_keys" } view:
                return view.Dict.TryGet(item, out _);
            default:
                if (!Iteration.IsIterable(container))
                    throw JinjaException.Type($"argument of type '{PythonTypes.Name(container)}' is not iterable");
                foreach (object? other in Iteration.Over(container))
                {
                    if (ReferenceEquals(other, item) || AreEqual(other, item))
                        return true;
                }

                return false;
        }
    }

    public static object? Add(object? left, object? right)
    {
        switch (left, right)
        {
            case (PythonString a, PythonString b):
                return Concat(a, b);
            case (long a, long b):
                return PythonNumbers.Calculate("+", left, right);
            case (PythonString, not JinjaUndefined):
                throw JinjaException.Type($"can only concatenate str (not \"{PythonTypes.Name(right)}\") to str");
            case (PythonList a, PythonList b):
                JinjaLimits.CheckLength(a.Items.Count + (long)b.Items.Count);
                return new PythonList([.. a.Items, .. b.Items]);
            case (PythonTuple a, PythonTuple b):
                JinjaLimits.CheckLength(a.Items.Length + (long)b.Items.Length);
                return new PythonTuple([.. a.Items, .. b.Items]);
            case (PythonList or PythonTuple, not JinjaUndefined):
                string type = PythonTypes.Name(left);
                throw JinjaException.Type($"can only concatenate {type} (not \"{PythonTypes.Name(right)}\") to {type}");
            default:
                return Calculate("+", left, right);
        }
    }

    public static object? Calculate(string symbol, object? left, object? right)
    {
        if (left is PythonString format && symbol == "%")
            return Formatting.PercentFormat.Apply(format, right);
        FailIfUndefined(left);
        FailIfUndefined(right);
        if (PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right))
            return PythonNumbers.Calculate(symbol, left!, right!);
        if (symbol == "*" && IsSequence(left) && PythonNumbers.IsInteger(right))
            return Repeat(left, PythonNumbers.ToLong(right));
        if (symbol == "*" && IsSequence(right) && PythonNumbers.IsInteger(left))
            return Repeat(right, PythonNumbers.ToLong(left));
        if (symbol == "*" && (IsSequence(left) || IsSequence(right)))
            throw JinjaException.Type($"can't multiply sequence by non-int of type '{PythonTypes.Name(IsSequence(left) ? right : left)}'");
        if ((left, right) is (PythonDict or PythonView { TypeName: not "dict_values" }, PythonDict or PythonView) && symbol == "-")
            throw JinjaException.Unsupported("The difference of the keys of mappings");
        string shown = symbol == "**" ? "** or pow()" : symbol;
        throw JinjaException.Type($"unsupported operand type(s) for {shown}: '{PythonTypes.Name(left)}' and '{PythonTypes.Name(right)}'");
    }

    public static object? Negate(object? value) => Signed(value, "-");

    /// <summary>Unary plus makes integers of booleans.</summary>
    public static object? Posit(object? value) => Signed(value, "+");

    /// <summary>Sorts as Python does: items whose keys are equal keep their order, also in reverse.</summary>
    public static List<T> Sort<T>(IEnumerable<T> items, Func<T, object?> key, bool isReversed = false)
    {
        (object? Key, T Item)[] keyed = [.. items.Select(item => (key(item), item))];
        for (int i = 1; i < keyed.Length; i++)
            Order(keyed[i].Key, keyed[i - 1].Key); // fails for the same two that Python compares first
        Comparer<object?> order = Comparer<object?>.Create((left, right) => Order(left, right) ?? 0);
        try
        {
            IEnumerable<(object? Key, T Item)> sorted = isReversed
                ? keyed.OrderByDescending(pair => pair.Key, order)
                : keyed.OrderBy(pair => pair.Key, order);
            return [.. sorted.Select(pair => pair.Item)];
        }
        catch (InvalidOperationException exception) when (exception.InnerException is JinjaException cause)
        {
            throw new JinjaException(cause.Kind, cause.Message);
        }
    }

    public static void FailIfUndefined(object? value)
    {
        if (value is JinjaUndefined undefined)
            throw undefined.Error;
    }

    private static object Signed(object? value, string symbol)
    {
        FailIfUndefined(value);
        if (!PythonNumbers.IsNumber(value))
            throw JinjaException.Type($"bad operand type for unary {symbol}: '{PythonTypes.Name(value)}'");
        object negative = PythonNumbers.Negate(value!);
        return symbol == "-" ? negative : value is double ? value : PythonNumbers.Negate(negative);
    }

    /// <summary>Markup escapes what joins it.</summary>
    private static PythonString Concat(PythonString left, PythonString right)
    {
        if (left.IsMarkup || right.IsMarkup)
            (left, right) = (Html.Escape(left), Html.Escape(right));
        if (right.IsEmpty)
            return left;
        if (left.IsEmpty)
            return right;
        if (left.IsTemplate && right.IsTemplate && !left.IsMarkup)
        {
            JinjaLimits.CheckLength((long)left.Text.Length + right.Text.Length);
            return new PythonString(left.Text + right.Text);
        }

        TextBuilder text = new(left.Text.Length + right.Text.Length);
        text.Append(left);
        text.Append(right);
        return left.IsMarkup ? text.ToPythonString().AsMarkup() : text.ToPythonString();
    }

    private static bool IsSequence(object? value) => value is PythonString or PythonList or PythonTuple;

    private static object Repeat(object? value, long count)
    {
        long times = Math.Max(count, 0);
        if (value is PythonString text)
        {
            JinjaLimits.CheckLength((Int128)text.Text.Length * times);
            TextBuilder repeated = new(Math.Max(1, (int)(text.Text.Length * times)));
            for (long i = text.IsEmpty ? times : 0; i < times; i++)
                repeated.Append(text);
            return text.IsMarkup ? repeated.ToPythonString().AsMarkup() : repeated.ToPythonString();
        }

        IReadOnlyList<object?> items = Iteration.Items(value);
        JinjaLimits.CheckLength((Int128)items.Count * times);
        IEnumerable<object?> copies = items.Count == 0 ? [] : Enumerable.Repeat(items, (int)times).SelectMany(copy => copy);
        return value is PythonList ? new PythonList(copies) : new PythonTuple([.. copies]);
    }

    private static int? OrderItems(IReadOnlyList<object?> left, IReadOnlyList<object?> right, string symbol)
    {
        JinjaLimits.CheckStack();
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (!AreEqual(left[i], right[i]))
                return Order(left[i], right[i], symbol);
        }

        return left.Count.CompareTo(right.Count);
    }

    private static bool AreEqual(object? left, object? right, ref int budget)
    {
        if (--budget < 0)
            throw JinjaException.Limit("two values are too large to compare");
        switch (left, right)
        {
            case (PythonString a, PythonString b):
                return a.Text == b.Text;
            case (JinjaUndefined, JinjaUndefined):
                return true;
            case (PythonList a, PythonList b):
                return AreEqual(a.Items, b.Items, ref budget);
            case (PythonTuple a, PythonTuple b):
                return AreEqual(a.Items, b.Items, ref budget);
            case (PythonDict a, PythonDict b):
                return AreEqual(a, b, ref budget);
            case (PythonRange a, PythonRange b):
                return a.Items.SequenceEqual(b.Items);
            case (PythonBytes a, PythonBytes b):
                return a.Bytes.AsSpan().SequenceEqual(b.Bytes);
            case (PythonView { TypeName: not "dict_values" } a, PythonView { TypeName: not "dict_values" } b) when a.Dict.Count == b.Dict.Count:
                return a.Items.All(item => Contains(b, item));
            default:
                return PythonNumbers.IsNumber(left) && PythonNumbers.IsNumber(right)
                    ? PythonNumbers.Compare(left!, right!) == 0
                    : ReferenceEquals(left, right);
        }
    }

    private static bool AreEqual(IReadOnlyList<object?> left, IReadOnlyList<object?> right, ref int budget)
    {
        JinjaLimits.CheckStack();
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
        JinjaLimits.CheckStack();
        if (left.Count != right.Count)
            return false;
        foreach ((object? key, object? value) in left.Entries)
        {
            if (!right.TryGet(key, out object? other) || !AreEqual(value, other, ref budget))
                return false;
        }

        return true;
    }
}
