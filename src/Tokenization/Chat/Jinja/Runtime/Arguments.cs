using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The evaluated arguments of a call, a filter or a test.</summary>
internal sealed class Arguments(object?[] positional, string[] names, object?[] values)
{
    /// <summary>Stands for an argument that was not given, which differs from None.</summary>
    public static readonly object Absent = new();

    public static readonly Arguments None = new([], [], []);

    public Arguments(params object?[] positional)
        : this(positional, [], [])
    {
    }

    public object?[] Positional { get; } = positional;

    /// <summary>The names of the keyword arguments, in the order of <see cref="Values"/>.</summary>
    public string[] Names { get; } = names;

    public object?[] Values { get; } = values;

    public Arguments Skip(int count) => new(Positional[count..], Names, Values);

    public Arguments WithKeyword(string name, object? value) => new(Positional, [.. Names, name], [.. Values, value]);

    public bool TryKeyword(string name, out object? value)
    {
        int index = Array.IndexOf(Names, name);
        value = index < 0 ? null : Values[index];
        return index >= 0;
    }

    /// <summary>The arguments in the order of the parameters; absent ones are <see cref="Absent"/>.</summary>
    /// <exception cref="JinjaException">There are too many, an unknown one, one given twice, or a required one is missing.</exception>
    public object?[] Bind(string callee, int required, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Length > parameters.Length)
            throw JinjaException.Type($"{callee}() takes at most {parameters.Length} arguments ({Positional.Length} given)");
        object?[] bound = new object?[parameters.Length];
        Positional.CopyTo(bound, 0);
        Array.Fill(bound, Absent, Positional.Length, bound.Length - Positional.Length);
        for (int i = 0; i < Names.Length; i++)
        {
            int index = parameters.IndexOf(Names[i]);
            if (index < 0)
                throw JinjaException.Type($"{callee}() got an unexpected keyword argument '{Names[i]}'");
            if (bound[index] != Absent)
                throw JinjaException.Type($"{callee}() got multiple values for argument '{Names[i]}'");
            bound[index] = Values[i];
        }

        for (int i = 0; i < required; i++)
        {
            if (bound[i] == Absent)
                throw JinjaException.Type($"{callee}() missing 1 required positional argument: '{parameters[i]}'");
        }

        return bound;
    }

    /// <summary>The arguments of a method that takes none by keyword; absent ones are <see cref="Absent"/>.</summary>
    public object?[] BindPositional(string callee, int required, int allowed)
    {
        if (Names.Length > 0)
            throw JinjaException.Type($"{callee}() takes no keyword arguments");
        if (Positional.Length == allowed)
            return Positional;
        if (Positional.Length > allowed || Positional.Length < required)
            throw JinjaException.Type(WrongCount(callee, required, allowed));
        object?[] bound = new object?[allowed];
        Positional.CopyTo(bound, 0);
        Array.Fill(bound, Absent, Positional.Length, allowed - Positional.Length);
        return bound;
    }

    private string WrongCount(string callee, int required, int allowed)
    {
        string name = callee[(callee.LastIndexOf('.') + 1)..];
        int given = Positional.Length;
        return allowed switch
        {
            0 => $"{callee}() takes no arguments ({given} given)",
            1 when required == 1 => $"{callee}() takes exactly one argument ({given} given)",
            _ when required == allowed => $"{name} expected {allowed} arguments, got {given}",
            _ when given < required => $"{name} expected at least {required} argument{(required == 1 ? "" : "s")}, got {given}",
            _ => $"{name} expected at most {allowed} argument{(allowed == 1 ? "" : "s")}, got {given}",
        };
    }
}
