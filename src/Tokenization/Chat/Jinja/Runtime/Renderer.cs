using System.Diagnostics;
using AgentRollout.Tokenization.Chat.Jinja.Nodes;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>What one rendering shares: its input, its text, and what is left of its bounds.</summary>
internal sealed class Renderer
{
    /// <summary>How many steps pass between two looks at the clock.</summary>
    private const int StepsPerLook = 32;

    private readonly Stack<TextBuilder> _builders = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _steps = JinjaLimits.Steps;
    private int _printedFrom = -1; // where the expression begins that is being printed to the output

    public Renderer(JinjaTemplate template, IReadOnlyDictionary<string, object?> variables, TimeProvider clock)
    {
        Template = template;
        Clock = clock;
        Variables = new object?[template.VariableNames.Count];
        for (int i = 0; i < Variables.Length; i++)
        {
            string name = template.VariableNames[i];
            Variables[i] = variables.TryGetValue(name, out object? value) || JinjaGlobals.All.TryGetValue(name, out value) ? value : Frame.Missing;
        }
    }

    public JinjaTemplate Template { get; }

    public TimeProvider Clock { get; }

    /// <summary>The values of the names that the template takes from outside, by the binder's numbers.</summary>
    public object?[] Variables { get; }

    /// <summary>The text of the template itself; macros and captured blocks write elsewhere.</summary>
    public TextBuilder Output { get; } = new(4096);

    /// <summary>What <c>{% generation %}</c> marks.</summary>
    public List<CharSpan> Generations { get; } = [];

    /// <summary>The frame of the template, from which blocks see what it sets.</summary>
    public Frame? Root { get; set; }

    public void CountStep()
    {
        if (--_steps < 0)
            throw JinjaException.Limit($"the template takes more than {JinjaLimits.Steps} steps");
        if (_steps % StepsPerLook == 0 && Stopwatch.GetElapsedTime(_started) > JinjaLimits.Time)
            throw JinjaException.Limit($"the template takes more than {JinjaLimits.Time.TotalSeconds} seconds");
    }

    /// <summary>Writes an expression.</summary>
    public void Print(Expression value, Frame frame, TextBuilder output)
    {
        if (!ReferenceEquals(output, Output))
        {
            value.Print(frame, output);
            return;
        }

        _printedFrom = output.Length;
        value.Print(frame, output);
        _printedFrom = -1;
    }

    /// <summary>Says that what is written next was generated. In a macro its place is taken to be that of the expression that is being printed.</summary>
    public void MarkGeneration(int length)
    {
        int start = _printedFrom < 0 ? Output.Length : _printedFrom;
        Generations.Add(new CharSpan(start, start + length));
    }

    /// <summary>What statements write, apart from the output. A <c>break</c> or <c>continue</c> out of them leaves null.</summary>
    public PythonString? Capture(Block body, Frame frame, out Flow flow)
    {
        TextBuilder output = _builders.TryPop(out TextBuilder? used) ? used : new TextBuilder();
        flow = body.Execute(frame, output);
        PythonString? text = flow == Flow.Next ? output.ToPythonString() : null;
        output.Clear();
        _builders.Push(output);
        return text;
    }
}
