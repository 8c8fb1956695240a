using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary><c>a.b</c>: the attribute, else the item. As a target, an attribute of a namespace.</summary>
internal sealed class AttributeExpression(Expression target, string name, int line) : Expression(line)
{
    private readonly bool _mayBeMethodOfDict =
        name.StartsWith('_') || ContainerMethods.FindOfDict(name) is not null || ContainerMethods.IsUnsafe(new PythonDict(), name);

    public Expression Target => target;

    public string Name => name;

    public override IEnumerable<Node> Children => [target];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? owner = target.Evaluate(frame);
        if (owner is PythonDict dict && !_mayBeMethodOfDict)
            return dict.TryGet(name, out object? value) ? value : JinjaUndefined.Attribute(owner, name);
        return Access.Attribute(owner, name);
    }
}

/// <summary><c>a[b]</c>: the item, else the attribute.</summary>
internal sealed class ItemExpression(Expression target, Expression index, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [target, index];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? owner = target.Evaluate(frame);
        object? key = index.Evaluate(frame);
        return owner is PythonDict dict && key is PythonString && dict.TryGet(key, out object? value) ? value : Access.Item(owner, key);
    }
}

/// <summary><c>a[start:stop:step]</c>.</summary>
internal sealed class SliceExpression(Expression target, Expression? start, Expression? stop, Expression? step, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => new[] { target, start, stop, step }.OfType<Expression>();

    public override object? Evaluate(Frame frame) =>
        Iteration.Slice(target.Evaluate(frame), start?.Evaluate(frame), stop?.Evaluate(frame), step?.Evaluate(frame));
}

internal sealed class ListExpression(Expression[] items, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => items;

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        List<object?> list = new(items.Length);
        foreach (Expression item in items)
            list.Add(item.Evaluate(frame));
        return new PythonList(list);
    }
}

internal sealed class TupleExpression(Expression[] items, int line) : Expression(line)
{
    public Expression[] Items => items;

    public override IEnumerable<Node> Children => items;

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object?[] tuple = new object?[items.Length];
        for (int i = 0; i < tuple.Length; i++)
            tuple[i] = items[i].Evaluate(frame);
        return new PythonTuple(tuple);
    }
}

internal sealed class DictExpression((Expression Key, Expression Value)[] items, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => items.SelectMany(item => new[] { item.Key, item.Value });

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        PythonDict dict = new(items.Length);
        foreach ((Expression key, Expression value) in items)
            dict.Set(key.Evaluate(frame), value.Evaluate(frame));
        return dict;
    }
}
