namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's <c>iter</c>, <c>len</c>, indexing and slicing.</summary>
internal static class Iteration
{
    public static bool IsIterable(object? value) =>
        value is PythonList or PythonTuple or PythonString or PythonDict or PythonRange or PythonView or PythonIterator or JinjaUndefined or PythonBytes
            or Runtime.LoopContext;

    /// <summary>What a <c>for</c> over the value goes through; a mapping gives its keys, an undefined value nothing.</summary>
    public static IEnumerable<object?> Over(object? value) => value switch
    {
        PythonIterator iterator => iterator,
        PythonView view => view.Items,
        PythonRange range => range.Items,
        Runtime.LoopContext loop => loop.Rest(),
        _ => Items(value),
    };

    /// <summary>The items by position; those of an iterator are taken out of it.</summary>
    public static IReadOnlyList<object?> Items(object? value) => value switch
    {
        PythonList list => list.Items,
        PythonTuple tuple => tuple.Items,
        PythonString text => CodePoints.Split(text),
        PythonDict dict => [.. dict.Keys],
        JinjaUndefined => [],
        PythonBytes bytes => [.. bytes.Bytes.Select(item => Boxed.From(item))],
        PythonIterator or PythonView or PythonRange or Runtime.LoopContext => Collect(Over(value)),
        _ => throw JinjaException.Type($"'{PythonTypes.Name(value)}' object is not iterable"),
    };

    /// <summary>A list of its own of what the value gives.</summary>
    public static List<object?> ToList(object? value) => [.. Items(value)];

    public static long Length(object? value) => value switch
    {
        PythonString text => CodePoints.Length(text),
        PythonList list => list.Items.Count,
        PythonTuple tuple => tuple.Items.Length,
        PythonDict dict => dict.Count,
        PythonRange range => range.Length,
        PythonView view => view.Dict.Count,
        PythonBytes bytes => bytes.Bytes.Length,
        Runtime.LoopContext loop => loop.Length,
        JinjaUndefined => 0,
        _ => throw JinjaException.Type($"object of type '{PythonTypes.Name(value)}' has no len()"),
    };

    /// <summary>The item at an index or key, or false where there is none.</summary>
    public static bool TryItem(object? target, object? index, out object? item)
    {
        item = null;
        switch (target)
        {
            case PythonDict dict:
                return index is not (PythonList or PythonDict) && dict.TryGet(index, out item);
            case PythonList list:
                if (!TryPosition(index, list.Items.Count, out int position))
                    return false;
                item = list.Items[position];
                return true;
            case PythonTuple tuple:
                if (!TryPosition(index, tuple.Items.Length, out position))
                    return false;
                item = tuple.Items[position];
                return true;
            case PythonString text:
                if (!TryPosition(index, CodePoints.Length(text), out position))
                    return false;
                int start = CodePoints.ToUtf16(text, position);
                item = text.Slice(start, CodePoints.LengthAt(text.Text, start));
                return true;
            case PythonRange range:
                if (!TryPosition(index, range.Length, out position))
                    return false;
                item = range[position];
                return true;
            case PythonBytes bytes:
                if (!TryPosition(index, bytes.Bytes.Length, out position))
                    return false;
                item = Boxed.From(bytes.Bytes[position]);
                return true;
            default:
                return false;
        }
    }

    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        PythonOperators.FailIfUndefined(target);
        if (target is not (PythonList or PythonTuple or PythonString or PythonRange))
        {
            throw JinjaException.Type(target is PythonDict
                ? "unhashable type: 'slice'"
                : $"'{PythonTypes.Name(target)}' object is not subscriptable");
        }

        int count = (int)Length(target);
        SliceRange range = SliceRange.From(start, stop, step, count);
        switch (target)
        {
            case PythonString text when range.Count == 0:
                return text.Slice(0, 0);
            case PythonString text when range.Step == 1:
                int from = CodePoints.ToUtf16(text, range.First);
                return text.Slice(from, CodePoints.ToUtf16(text, range.First + range.Count) - from);
            case PythonString text:
                return SliceText(text, range);
            case PythonRange values:
                return new PythonRange(
                    values.Start + (range.First * values.Step), values.Start + (range.Last * values.Step), values.Step * range.Step);
            case PythonList list when range.Step == 1 && range.Count > 0:
                return new PythonList(list.Items.GetRange(range.First, range.Count));
            default:
                IReadOnlyList<object?> items = Items(target);
                object?[] slice = new object?[range.Count];
                for (int i = 0; i < slice.Length; i++)
                    slice[i] = items[range.First + (int)(i * range.Step)];
                return target is PythonList ? new PythonList(new List<object?>(slice)) : new PythonTuple(slice);
        }
    }

    private static PythonString SliceText(PythonString text, SliceRange range)
    {
        object?[] characters = CodePoints.Split(text);
        TextBuilder slice = new(Math.Max(range.Count, 1));
        for (int i = 0; i < range.Count; i++)
            slice.Append((PythonString)characters[range.First + (int)(i * range.Step)]!);
        return text.IsMarkup ? slice.ToPythonString().AsMarkup() : slice.ToPythonString();
    }

    private static bool TryPosition(object? index, int count, out int position)
    {
        position = 0;
        if (!PythonNumbers.IsInteger(index))
            return false;
        long value = index is long number ? number : PythonNumbers.ToLong(index);
        if (value < 0)
            value += count;
        position = (int)value;
        return value >= 0 && value < count;
    }

    private static List<object?> Collect(IEnumerable<object?> items)
    {
        List<object?> collected = [];
        foreach (object? item in items)
        {
            collected.Add(item);
            JinjaLimits.CheckLength(collected.Count);
        }

        return collected;
    }

    /// <summary>What a slice means for a sequence of a certain length.</summary>
    private readonly record struct SliceRange(int First, int Last, int Count, long Step)
    {
        public static SliceRange From(object? start, object? stop, object? step, int count)
        {
            long stride = step is null ? 1 : Index(step);
            if (stride == 0)
                throw JinjaException.Value("slice step cannot be zero");
            stride = Math.Clamp(stride, -int.MaxValue, int.MaxValue);
            (long lower, long upper) = stride > 0 ? (0, (long)count) : (-1, count - 1L);
            long first = start is null ? (stride > 0 ? lower : upper) : Bound(start, count, lower, upper);
            long last = stop is null ? (stride > 0 ? upper : lower) : Bound(stop, count, lower, upper);
            long length = stride > 0 ? (last - first + stride - 1) / stride : (first - last - stride - 1) / -stride;
            return new SliceRange((int)first, (int)last, (int)Math.Max(0, length), stride);
        }

        private static long Bound(object value, int count, long lower, long upper)
        {
            long position = Index(value);
            if (position < 0)
                position = position < -count ? long.MinValue : position + count;
            return Math.Clamp(position, lower, upper);
        }

        private static long Index(object value) => PythonNumbers.IsInteger(value)
            ? PythonNumbers.ToLong(value)
            : throw JinjaException.Type("slice indices must be integers or None or have an __index__ method");
    }
}
