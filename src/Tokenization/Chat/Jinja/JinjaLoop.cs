namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The variable <c>loop</c> inside a <c>for</c>.</summary>
internal sealed class JinjaLoop(IReadOnlyList<object?> items, int depth)
{
    private object?[]? _lastChanged;

    /// <summary>The position of the current item, from 0.</summary>
    public int Index { get; set; }

    public bool TryAttribute(string name, out object? value)
    {
        value = name switch
        {
            "index" => Index + 1L,
            "index0" => (long)Index,
            "revindex" => (long)(items.Count - Index),
            "revindex0" => items.Count - Index - 1L,
            "first" => Index == 0,
            "last" => Index == items.Count - 1,
            "length" => (long)items.Count,
            "depth" => (long)depth,
            "depth0" => depth - 1L,
            "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("there is no previous item"),
            "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new JinjaUndefined("there is no next item"),
            "cycle" => new JinjaFunction("cycle", Cycle),
            "changed" => new JinjaFunction("changed", arguments => HasChanged([.. arguments.Positional])),
            _ => CallArguments.Absent,
        };
        return value != CallArguments.Absent;
    }

    private object? Cycle(CallArguments arguments) => arguments.Positional.Count == 0
        ? throw JinjaException.Type("no items for cycling given")
        : arguments.Positional[Index % arguments.Positional.Count];

    private bool HasChanged(object?[] values)
    {
        bool changed = _lastChanged is null || !PythonOperators.AreEqual(new PythonTuple(_lastChanged), new PythonTuple(values));
        _lastChanged = values;
        return changed;
    }
}
