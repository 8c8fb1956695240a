using AgentRollout.Tokenization.Chat.Jinja.Nodes;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Scoping;
using AgentRollout.Tokenization.Chat.Jinja.Syntax;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>
/// A template that was parsed and whose variables were bound, to be rendered any number of times, also at once. Renders what Jinja2 3.1
/// renders in its immutable sandbox, set up as transformers does. Work, text and nesting are bounded, so that no template runs away.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly Block _body;
    private readonly FrameLayout _layout;
    private readonly Scope _scope;
    private readonly int _selfSlot;

    private JinjaTemplate(Block body)
    {
        _body = body;
        JinjaBinder binder = new();
        (_layout, _scope) = binder.Bind(body);
        _selfSlot = binder.SelfSlot;
        VariableNames = binder.Inputs;
        Blocks = binder.Blocks;
    }

    /// <summary>The names that the template takes from outside, in the binder's order.</summary>
    public IReadOnlyList<string> VariableNames { get; }

    public IReadOnlyDictionary<string, BlockStatement> Blocks { get; }

    /// <exception cref="JinjaException">The source is no template, or uses what is not supported.</exception>
    public static JinjaTemplate Parse(string source) => new(JinjaParser.Parse(source));

    /// <param name="variables">The values of names, each an instance of what the folder <c>Values</c> describes.</param>
    /// <param name="clock">What <c>strftime_now</c> tells.</param>
    /// <exception cref="JinjaException">The template failed.</exception>
    public RenderedChat Render(IReadOnlyDictionary<string, object?> variables, TimeProvider clock)
    {
        Renderer renderer = new(this, variables, clock);
        Frame frame = new(_layout.SlotCount, null, renderer);
        renderer.Root = frame;
        if (_selfSlot >= 0)
            frame.Slots[_selfSlot] = new BlockReferences(Blocks);
        _scope.Enter(frame);
        _body.Execute(frame, renderer.Output);
        return new RenderedChat(renderer.Output.ToString(), renderer.Generations, (IReadOnlyList<CharSpan>?)renderer.Output.Content ?? []);
    }
}
