using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Scoping;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

internal sealed class Literal(object? value, int line) : Expression(line)
{
    public object? Value => value;

    public override object? Evaluate(Frame frame) => value;
}

internal enum NameUse
{
    Load,
    Store,
    Parameter,
}

internal sealed class NameExpression(string name, NameUse use, int line) : Expression(line)
{
    private readonly JinjaUndefined _undefined = JinjaUndefined.Name(name);

    public string Name => name;

    public NameUse Use => use;

    /// <summary>Where the binder found the variable.</summary>
    public SlotReference Slot { get; set; }

    public override object? Evaluate(Frame frame)
    {
        object? value = frame.Up(Slot.Hops).Slots[Slot.Index];
        return value == Frame.Missing ? _undefined : value;
    }
}

/// <summary>What a statement assigns to, as the binder prepared it.</summary>
internal abstract class Target
{
    /// <summary>Fails where nothing can be assigned, which is said before the value is evaluated.</summary>
    public virtual void Check(Frame frame)
    {
    }

    public abstract void Assign(object? value, Frame frame);
}

internal sealed class SlotTarget(int slot) : Target
{
    public override void Assign(object? value, Frame frame) => frame.Slots[slot] = value;
}

internal sealed class TupleTarget(Target[] items) : Target
{
    public override void Assign(object? value, Frame frame)
    {
        if (!Iteration.IsIterable(value))
            throw JinjaException.Type($"cannot unpack non-iterable {PythonTypes.Name(value)} object");
        IReadOnlyList<object?> values = Iteration.Items(value);
        if (values.Count != items.Length)
        {
            throw JinjaException.Value(values.Count > items.Length
                ? $"too many values to unpack (expected {items.Length})"
                : $"not enough values to unpack (expected {items.Length}, got {values.Count})");
        }

        for (int i = 0; i < items.Length; i++)
            items[i].Assign(values[i], frame);
    }
}

internal sealed class NamespaceTarget(SlotReference owner, PythonString attribute) : Target
{
    public override void Check(Frame frame) => Owner(frame);

    public override void Assign(object? value, Frame frame) => Owner(frame).Attributes.Set(attribute, value);

    private JinjaNamespace Owner(Frame frame) => frame.Up(owner.Hops).Slots[owner.Index] as JinjaNamespace
        ?? throw JinjaException.Runtime("cannot assign attribute on non-namespace object");
}
