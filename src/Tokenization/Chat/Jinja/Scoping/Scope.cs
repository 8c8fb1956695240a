using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Scoping;

/// <summary>Where a variable is: so many frames out, in this slot.</summary>
internal readonly record struct SlotReference(int Hops, int Index);

/// <summary>How many slots a frame has; grows while the binder finds variables.</summary>
internal sealed class FrameLayout(FrameLayout? parent)
{
    public static readonly FrameLayout Empty = new(null);

    private readonly Dictionary<(int Level, string Name), Variable> _variables = [];

    public FrameLayout? Parent => parent;

    public int SlotCount { get; private set; }

    /// <summary>The variable with a name at a depth of nested scopes. Scopes side by side share it, as they are never in use together.</summary>
    public Variable Variable(int level, string name)
    {
        if (!_variables.TryGetValue((level, name), out Variable? variable))
            _variables[(level, name)] = variable = new Variable(this, SlotCount++);
        return variable;
    }
}

internal sealed record Variable(FrameLayout Owner, int Slot)
{
    /// <summary>The variable as code in a certain frame sees it.</summary>
    public SlotReference From(FrameLayout layout)
    {
        int hops = 0;
        for (FrameLayout? frame = layout; frame != Owner; frame = frame!.Parent)
            hops++;
        return new SlotReference(hops, Slot);
    }
}

/// <summary>What happens to a variable where its scope is entered.</summary>
/// <param name="Slot">The variable.</param>
/// <param name="Outer">The variable of the same name further out whose value it takes first; null for none.</param>
/// <param name="Input">The number of the input variable whose value it takes where there is no such value; -1 for none.</param>
internal readonly record struct SlotLoad(int Slot, SlotReference? Outer, int Input);

/// <summary>The variables of a block of statements, such as the body of a loop.</summary>
internal sealed class Scope(SlotLoad[] loads, int[] slots)
{
    public static readonly Scope Empty = new([], []);

    public void Enter(Frame frame)
    {
        foreach (SlotLoad load in loads)
        {
            object? value = load.Outer is { } outer ? frame.Up(outer.Hops).Slots[outer.Index] : Frame.Missing;
            if (value == Frame.Missing && load.Input >= 0)
                value = frame.Renderer.Variables[load.Input];
            frame.Slots[load.Slot] = value;
        }
    }

    /// <summary>Unsets the variables: a macro that was defined in the scope may outlive it.</summary>
    public void Leave(Frame frame)
    {
        foreach (int slot in slots)
            frame.Slots[slot] = Frame.Missing;
    }
}
