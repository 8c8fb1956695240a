using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The variables of the template, or of one call of a macro, a recursive loop or a block, each in the slot that the binder gave it.</summary>
internal sealed class Frame(int slots, Frame? parent, Renderer renderer)
{
    /// <summary>Stands in the slot of a variable that is not set.</summary>
    public static readonly object Missing = new();

    public object?[] Slots { get; } = new object?[slots];

    /// <summary>The frame in which the macro or loop was defined.</summary>
    public Frame? Parent { get; } = parent;

    public Renderer Renderer { get; } = renderer;

    /// <summary>The frame so many definitions further out.</summary>
    public Frame Up(int hops)
    {
        Frame frame = this;
        for (; hops > 0; hops--)
            frame = frame.Parent!;
        return frame;
    }
}
