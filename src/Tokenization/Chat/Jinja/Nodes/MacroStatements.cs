using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Scoping;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary>A parameter of a macro.</summary>
internal sealed class MacroParameter(string name, Expression? fallback)
{
    public string Name => name;

    public Expression? Default => fallback;

    public int Slot { get; set; }
}

/// <summary>A macro, or the body of a call block: text that is rendered when it is called.</summary>
/// <param name="name">Null for the body of a call block.</param>
/// <param name="parameters">The parameters; those with defaults come last.</param>
/// <param name="body">What it renders.</param>
/// <param name="line">The line of the template.</param>
internal sealed class MacroDefinition(string? name, MacroParameter[] parameters, Block body, int line) : Node(line)
{
    public string? Name => name;

    public IReadOnlyList<MacroParameter> Parameters => parameters;

    public Block Body => body;

    public FrameLayout Function { get; set; } = FrameLayout.Empty;

    public Scope Scope { get; set; } = Scope.Empty;

    public bool ReadsCaller { get; set; }

    /// <summary>The slot of <c>caller</c> where it is read but no parameter; else -1.</summary>
    public int CallerSlot { get; set; } = -1;

    /// <summary>The slot of <c>kwargs</c>, the keyword arguments left over; -1 where it is not read.</summary>
    public int KeywordsSlot { get; set; } = -1;

    /// <summary>The slot of <c>varargs</c>, the positional arguments left over; -1 where it is not read.</summary>
    public int VariadicSlot { get; set; } = -1;

    public override IEnumerable<Node> Children => [.. parameters.Select(parameter => parameter.Default).OfType<Expression>(), .. body.Statements];

    /// <summary>Renders the body with the arguments that stand in the frame; those not given take their defaults.</summary>
    public PythonString Run(Frame frame)
    {
        Scope.Enter(frame);
        foreach (MacroParameter parameter in parameters)
        {
            if (frame.Slots[parameter.Slot] == Frame.Missing)
            {
                frame.Slots[parameter.Slot] = parameter.Default is { } fallback
                    ? fallback.Evaluate(frame)
                    : new JinjaUndefined($"parameter '{parameter.Name}' was not provided");
            }
        }

        return frame.Renderer.Capture(body, frame, out _)!;
    }
}

internal sealed class MacroStatement(MacroDefinition definition, int line) : Statement(line)
{
    public MacroDefinition Definition => definition;

    public int Slot { get; set; }

    public override IEnumerable<Node> Children => [definition];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        frame.Slots[Slot] = new Macro(definition, frame);
        return Flow.Next;
    }
}

/// <summary><c>{% call(args) f() %}body{% endcall %}</c>: the call sees the body as its <c>caller</c>.</summary>
internal sealed class CallBlockStatement(CallExpression call, MacroDefinition caller, int line) : Statement(line)
{
    public CallExpression Call => call;

    public MacroDefinition Caller => caller;

    public override IEnumerable<Node> Children => [call, caller];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        output.Append(Written(call.Call(frame, new Macro(caller, frame))));
        return Flow.Next;
    }
}

/// <summary>
/// transformers' <c>{% generation %}</c>: marks what the assistant wrote. As there, the body is a call block, and positions count what
/// the template itself had written before, even inside a macro.
/// </summary>
internal sealed class GenerationStatement(MacroDefinition body, int line) : Statement(line)
{
    public MacroDefinition Body => body;

    public override IEnumerable<Node> Children => [body];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        PythonString text = (PythonString)new Macro(body, frame).Call(Arguments.None, frame.Renderer)!;
        frame.Renderer.MarkGeneration(text.Text.Length);
        output.Append(text);
        return Flow.Next;
    }
}

/// <summary><c>{% block %}</c>, of which a template without a parent has one of each name: it renders where it stands.</summary>
internal sealed class BlockStatement(string name, Block body, bool isScoped, bool isRequired, int line) : Statement(line)
{
    public string Name => name;

    public Block Body => body;

    public bool IsScoped => isScoped;

    public FrameLayout Function { get; set; } = FrameLayout.Empty;

    public Scope Scope { get; set; } = Scope.Empty;

    /// <summary>The slot of <c>self</c>; -1 where it is not read.</summary>
    public int SelfSlot { get; set; } = -1;

    public override IEnumerable<Node> Children => body.Statements;

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        if (isRequired)
            throw JinjaException.Runtime($"Required block '{name}' not found");
        Run(frame.Renderer, output);
        return Flow.Next;
    }

    public PythonString Capture(Renderer renderer)
    {
        JinjaLimits.CheckStack();
        TextBuilder output = new();
        Run(renderer, output);
        return output.ToPythonString();
    }

    private void Run(Renderer renderer, TextBuilder output)
    {
        renderer.CountStep();
        Frame frame = new(Function.SlotCount, renderer.Root, renderer);
        if (SelfSlot >= 0)
            frame.Slots[SelfSlot] = new BlockReferences(renderer.Template.Blocks);
        Scope.Enter(frame);
        body.Execute(frame, output);
    }
}
