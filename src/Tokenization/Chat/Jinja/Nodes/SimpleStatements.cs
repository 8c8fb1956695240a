using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Scoping;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary>Text of the template.</summary>
internal sealed class TextStatement(string text, int line) : Statement(line)
{
    public string Text => text;

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        output.Append(text);
        return Flow.Next;
    }
}

internal sealed class PrintStatement(Expression value, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => [value];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        frame.Renderer.Print(value, frame, output);
        return Flow.Next;
    }
}

internal sealed class BreakStatement(int line) : Statement(line)
{
    public override Flow Execute(Frame frame, TextBuilder output) => Flow.Break;
}

internal sealed class ContinueStatement(int line) : Statement(line)
{
    public override Flow Execute(Frame frame, TextBuilder output) => Flow.Continue;
}

/// <summary><c>if</c> with its <c>elif</c>s; they share the variables of what is around.</summary>
internal sealed class IfStatement((Expression Test, Block Body)[] branches, Block otherwise, int line) : Statement(line)
{
    public (Expression Test, Block Body)[] Branches => branches;

    public Block Otherwise => otherwise;

    public override IEnumerable<Node> Children =>
        [.. branches.SelectMany(branch => branch.Body.Statements.Prepend<Node>(branch.Test)), .. otherwise.Statements];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        foreach ((Expression test, Block body) in branches)
        {
            if (PythonOperators.IsTrue(test.Evaluate(frame)))
                return body.Execute(frame, output);
        }

        return otherwise.Execute(frame, output);
    }
}

internal sealed class SetStatement(Expression target, Expression value, int line) : Statement(line)
{
    public Expression TargetExpression => target;

    public Expression Value => value;

    public Target? Target { get; set; }

    public override IEnumerable<Node> Children => [target, value];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        Target!.Check(frame);
        Target.Assign(value.Evaluate(frame), frame);
        return Flow.Next;
    }
}

/// <summary>Sets a variable to the text of a block, through filters where some are given.</summary>
internal sealed class SetBlockStatement(Expression target, FilterExpression? filter, Block body, int line) : Statement(line)
{
    public Expression TargetExpression => target;

    public FilterExpression? Filter => filter;

    public Block Body => body;

    public Target? Target { get; set; }

    public Scope Scope { get; set; } = Scope.Empty;

    public override IEnumerable<Node> Children => filter is null ? [target, .. body.Statements] : [target, filter, .. body.Statements];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        Scope.Enter(frame);
        if (frame.Renderer.Capture(body, frame, out Flow flow) is not { } text)
            return flow;
        Target!.Assign(filter is null ? text : filter.ApplyToBlock(text, frame), frame);
        Scope.Leave(frame);
        return Flow.Next;
    }
}

internal sealed class FilterBlockStatement(FilterExpression filter, Block body, int line) : Statement(line)
{
    public FilterExpression Filter => filter;

    public Block Body => body;

    public Scope Scope { get; set; } = Scope.Empty;

    public override IEnumerable<Node> Children => [.. body.Statements, filter];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        Scope.Enter(frame);
        if (frame.Renderer.Capture(body, frame, out Flow flow) is not { } text)
            return flow;
        output.Append(Written(filter.ApplyToBlock(text, frame)));
        Scope.Leave(frame);
        return Flow.Next;
    }
}

internal sealed class WithStatement((Expression Target, Expression Value)[] bindings, Block body, int line) : Statement(line)
{
    public (Expression Target, Expression Value)[] Bindings => bindings;

    public Block Body => body;

    public Target[] Targets { get; set; } = [];

    public Scope Scope { get; set; } = Scope.Empty;

    public override IEnumerable<Node> Children =>
        [.. bindings.Select(binding => binding.Target), .. bindings.Select(binding => binding.Value), .. body.Statements];

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        Scope.Enter(frame);
        for (int i = 0; i < bindings.Length; i++)
            Targets[i].Assign(bindings[i].Value.Evaluate(frame), frame);
        Flow flow = body.Execute(frame, output);
        Scope.Leave(frame);
        return flow;
    }
}

/// <summary>Variables of its own and nothing more: <c>{% autoescape false %}</c>.</summary>
internal sealed class ScopeStatement(Block body, int line) : Statement(line)
{
    public Block Body => body;

    public Scope Scope { get; set; } = Scope.Empty;

    public override IEnumerable<Node> Children => body.Statements;

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        Scope.Enter(frame);
        Flow flow = body.Execute(frame, output);
        Scope.Leave(frame);
        return flow;
    }
}

/// <summary><c>include</c>, <c>import</c>, <c>from</c> and <c>extends</c>: there are no other templates to load.</summary>
internal sealed class LoaderStatement(Expression template, string[] names, int line) : Statement(line)
{
    /// <summary>The names that an import would set.</summary>
    public IReadOnlyList<string> Names => names;

    public override IEnumerable<Node> Children => [template];

    public override Flow Execute(Frame frame, TextBuilder output) => throw JinjaException.Type("no loader for this environment specified");
}
