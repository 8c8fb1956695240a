namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The evaluated arguments of a call, a filter or a test.</summary>
internal sealed record CallArguments(IReadOnlyList<object?> Positional, IReadOnlyList<(string Name, object? Value)> Keyword)
{
    public static CallArguments Empty { get; } = new([], []);

    /// <summary>The arguments in the order of the parameters; absent ones are <see cref="Absent"/>.</summary>
    /// <exception cref="JinjaException">There are too many, an unknown one, one given twice, or a required one is missing.</exception>
    public object?[] Bind(string callee, int required, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
            throw JinjaException.Type($"{callee}() takes at most {parameters.Length} arguments ({Positional.Count} given)");
        object?[] bound = new object?[parameters.Length];
        Array.Fill(bound, Absent);
        for (int i = 0; i < Positional.Count; i++)
            bound[i] = Positional[i];
        foreach ((string name, object? value) in Keyword)
        {
            int index = parameters.IndexOf(name);
            if (index < 0)
                throw JinjaException.Type($"{callee}() got an unexpected keyword argument '{name}'");
            if (bound[index] != Absent)
                throw JinjaException.Type($"{callee}() got multiple values for argument '{name}'");
            bound[index] = value;
        }

        for (int i = 0; i < required; i++)
        {
            if (bound[i] == Absent)
                throw JinjaException.Type($"{callee}() missing 1 required positional argument: '{parameters[i]}'");
        }

        return bound;
    }

    /// <summary>Stands for an argument that was not given, which differs from None.</summary>
    public static readonly object Absent = new();
}
