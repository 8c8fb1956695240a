using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary>A node of a template's syntax tree. The tree is bound once after parsing, and then runs: nodes evaluate themselves.</summary>
/// <param name="line">The line of the template, from 1.</param>
internal abstract class Node(int line)
{
    public int Line { get; } = line;

    /// <summary>The nodes inside, in the order in which Jinja looks through them for names.</summary>
    public virtual IEnumerable<Node> Children => [];
}

internal abstract class Expression(int line) : Node(line)
{
    public abstract object? Evaluate(Frame frame);

    /// <summary>Writes the value as text. Where the value is put together from parts, they are written one by one.</summary>
    public virtual void Print(Frame frame, TextBuilder output) => PythonPrinter.Print(Evaluate(frame), output);
}

internal abstract class Statement(int line) : Node(line)
{
    public abstract Flow Execute(Frame frame, TextBuilder output);

    /// <summary>What a block gives must be text already; only <c>{{ … }}</c> makes text of other values.</summary>
    protected static PythonString Written(object? value) => value as PythonString
        ?? throw JinjaException.Type($"sequence item 0: expected str instance, {PythonTypes.Name(value)} found");
}

/// <summary>How a statement ends.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>Statements in a row. An error that does not know its line gets that of its statement.</summary>
internal sealed class Block(Statement[] statements)
{
    public static readonly Block Empty = new([]);

    public IReadOnlyList<Statement> Statements => statements;

    public Flow Execute(Frame frame, TextBuilder output)
    {
        JinjaLimits.CheckStack();
        int position = 0;
        try
        {
            for (; position < statements.Length; position++)
            {
                frame.Renderer.CountStep();
                Flow flow = statements[position].Execute(frame, output);
                if (flow != Flow.Next)
                    return flow;
            }

            return Flow.Next;
        }
        catch (JinjaException exception) when (exception.Line == 0)
        {
            throw exception.At(statements[position].Line);
        }
    }
}
