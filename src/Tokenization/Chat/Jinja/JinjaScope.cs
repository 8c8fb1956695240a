namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Names that a block sees: its own, then those around its definition.</summary>
internal sealed class JinjaScope(JinjaScope? parent)
{
    /// <summary>Names that Jinja defines and we do not: to call them undefined would change the text without a word.</summary>
    private static readonly HashSet<string> Unsupported = ["joiner", "cycler", "lipsum", "self", "varargs", "kwargs"];

    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    /// <summary>How many loops are around, for <c>loop.depth</c>; a macro begins anew.</summary>
    public int LoopDepth { get; init; } = parent?.LoopDepth ?? 0;

    public void Set(string name, object? value) => _values[name] = value;

    public object? Get(string name)
    {
        for (JinjaScope? scope = this; scope is not null; scope = scope.Parent)
        {
            if (scope._values.TryGetValue(name, out object? value))
                return value;
        }

        return Unsupported.Contains(name)
            ? throw JinjaException.Unsupported($"The name '{name}'")
            : new JinjaUndefined($"'{name}' is undefined");
    }

    private JinjaScope? Parent { get; } = parent;
}
