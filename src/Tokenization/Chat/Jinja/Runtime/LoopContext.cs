using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>A pass through the items of a <c>for</c>, and the variable <c>loop</c> inside it.</summary>
internal sealed class LoopContext(object? iterable, IEnumerator<object?>? items, RecursiveLoop? recursion, int depth)
{
    private readonly IReadOnlyList<object?>? _list = items is null ? Iteration.Items(iterable) : null;
    private IEnumerator<object?>? _items = items;
    private int _position;
    private long _length = -1;
    private object? _before;
    private object? _current;
    private object? _after = Frame.Missing;
    private object?[]? _lastChanged;

    /// <summary>The number of the current item, from 1.</summary>
    public long Index { get; private set; }

    public object? Current => _current;

    /// <summary>The number of items; those still to come of an iterator are looked at now.</summary>
    public long Length
    {
        get
        {
            if (_length >= 0)
                return _length;
            if (_items is null)
                return _length = _list!.Count;
            List<object?> rest = [.. Rest()];
            _items = rest.GetEnumerator();
            _after = Frame.Missing;
            return _length = rest.Count + Index;
        }
    }

    public bool MoveNext()
    {
        object? next = PeekNext();
        if (next == Frame.Missing)
            return false;
        _after = Frame.Missing;
        Index++;
        _before = _current;
        _current = next;
        return true;
    }

    /// <summary>The items that are still to come, which takes them.</summary>
    public IEnumerable<object?> Rest()
    {
        while (PeekNext() is var next && next != Frame.Missing)
        {
            _after = Frame.Missing;
            yield return next;
        }
    }

    public bool TryAttribute(string name, out object? value)
    {
        value = name switch
        {
            "index" => Boxed.From(Index),
            "index0" => Boxed.From(Index - 1),
            "revindex" => Boxed.From(Length - Index + 1),
            "revindex0" => Boxed.From(Length - Index),
            "first" => Boxed.From(Index == 1),
            "last" => Boxed.From(PeekNext() == Frame.Missing),
            "length" => Boxed.From(Length),
            "depth" => Boxed.From(depth + 1),
            "depth0" => Boxed.From(depth),
            "previtem" => Index > 1 ? _before : new JinjaUndefined("there is no previous item"),
            "nextitem" => PeekNext() is var next && next != Frame.Missing ? next : new JinjaUndefined("there is no next item"),
            "cycle" => new BoundMethod(this, (self, arguments) => ((LoopContext)self).Cycle(arguments)),
            "changed" => new BoundMethod(this, (self, arguments) => Boxed.From(((LoopContext)self).HasChanged(arguments))),
            _ => Frame.Missing,
        };
        return value != Frame.Missing;
    }

    /// <summary>Renders the loop anew over the items of an item.</summary>
    public object? Call(Arguments arguments, Renderer renderer)
    {
        object? inner = arguments.Bind("__call__", 1, "iterable")[0];
        return recursion is null
            ? throw JinjaException.Type("The loop must have the 'recursive' marker to be called recursively.")
            : recursion.Render(inner, depth + 1, renderer);
    }

    private object? PeekNext()
    {
        if (_after != Frame.Missing)
            return _after;
        if (_items is not null)
            return _after = _items.MoveNext() ? _items.Current : Frame.Missing;
        return _after = _position < _list!.Count ? _list[_position++] : Frame.Missing;
    }

    private object? Cycle(Arguments arguments) => arguments.Positional.Length == 0
        ? throw JinjaException.Type("no items for cycling given")
        : arguments.Positional[(int)((Index - 1) % arguments.Positional.Length)];

    private bool HasChanged(Arguments arguments)
    {
        object?[] values = arguments.Positional;
        bool hasChanged = _lastChanged is null || !PythonOperators.AreEqual(new PythonTuple(_lastChanged), new PythonTuple(values));
        _lastChanged = values;
        return hasChanged;
    }
}

/// <summary>The body of a <c>for … recursive</c> where it stands.</summary>
internal sealed class RecursiveLoop(Nodes.ForStatement statement, Frame definedIn)
{
    public PythonString Render(object? iterable, int depth, Renderer renderer) => statement.RenderRecursively(iterable, depth, definedIn, this, renderer);
}
