using AgentRollout.Tokenization.Chat.Jinja.Nodes;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>A macro, or the body of a call block, where it was defined.</summary>
internal sealed class Macro(MacroDefinition definition, Frame definedIn) : PythonCallable
{
    public override string TypeName => "Macro";

    public override string Representation => definition.Name is null ? "<Macro anonymous>" : $"<Macro '{definition.Name}'>";

    public override object? Call(Arguments arguments, Renderer renderer)
    {
        JinjaLimits.CheckStack();
        renderer.CountStep();
        Frame frame = new(definition.Function.SlotCount, definedIn, renderer);
        BindArguments(arguments, frame);
        return definition.Run(frame);
    }

    public override bool TryAttribute(string name, out object? value)
    {
        value = name switch
        {
            "name" => definition.Name is null ? null : new PythonString(definition.Name),
            "arguments" => new PythonTuple([.. definition.Parameters.Select(parameter => new PythonString(parameter.Name))]),
            "catch_kwargs" => Boxed.From(definition.KeywordsSlot >= 0),
            "catch_varargs" => Boxed.From(definition.VariadicSlot >= 0),
            "caller" => Boxed.From(definition.ReadsCaller),
            "explicit_caller" => Boxed.From(definition.Parameters.Any(parameter => parameter.Name == "caller")),
            _ => Frame.Missing,
        };
        return value != Frame.Missing;
    }

    private void BindArguments(Arguments arguments, Frame frame)
    {
        IReadOnlyList<MacroParameter> parameters = definition.Parameters;
        int given = Math.Min(arguments.Positional.Length, parameters.Count);
        bool takesCallerByName = false;
        int taken = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            object? value = i < given ? arguments.Positional[i] : Frame.Missing;
            if (i >= given && arguments.Names.Length > 0 && arguments.TryKeyword(parameters[i].Name, out object? named))
            {
                value = named;
                taken++;
            }

            takesCallerByName |= parameters[i].Name == "caller";
            frame.Slots[parameters[i].Slot] = value;
        }

        if (definition.CallerSlot >= 0 && !takesCallerByName)
        {
            bool isGiven = arguments.TryKeyword("caller", out object? caller);
            taken += isGiven ? 1 : 0;
            frame.Slots[definition.CallerSlot] = isGiven && caller is not null ? caller : new JinjaUndefined("No caller defined");
        }

        BindRest(arguments, frame, given, arguments.Names.Length - taken);
    }

    private void BindRest(Arguments arguments, Frame frame, int given, int namedRest)
    {
        if (definition.KeywordsSlot >= 0)
            frame.Slots[definition.KeywordsSlot] = KeywordRest(arguments, given);
        else if (namedRest > 0)
            throw UnexpectedKeyword(arguments, given);
        if (definition.VariadicSlot >= 0)
            frame.Slots[definition.VariadicSlot] = new PythonTuple(arguments.Positional[given..]);
        else if (arguments.Positional.Length > given)
            throw JinjaException.Type($"macro {ReprName} takes not more than {definition.Parameters.Count} argument(s)");
    }

    private PythonDict KeywordRest(Arguments arguments, int given)
    {
        PythonDict rest = new();
        for (int i = 0; i < arguments.Names.Length; i++)
        {
            if (!IsTaken(arguments.Names[i], given))
                rest.Add(new PythonString(arguments.Names[i]), arguments.Values[i]);
        }

        return rest;
    }

    private JinjaException UnexpectedKeyword(Arguments arguments, int given)
    {
        string[] rest = [.. arguments.Names.Where(name => !IsTaken(name, given))];
        return JinjaException.Type(rest.Contains("caller")
            ? $"macro {ReprName} was invoked with two values for the special caller argument. This is most likely a bug."
            : $"macro {ReprName} takes no keyword argument '{rest[0]}'");
    }

    private bool IsTaken(string name, int given) =>
        definition.Parameters.Skip(given).Any(parameter => parameter.Name == name)
        || (name == "caller" && definition.CallerSlot >= 0 && definition.Parameters.All(parameter => parameter.Name != "caller"));

    private string ReprName => definition.Name is null ? "None" : $"'{definition.Name}'";
}
