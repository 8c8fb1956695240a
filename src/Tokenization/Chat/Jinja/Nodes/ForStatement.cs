using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Scoping;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

internal sealed class ForStatement(
    Expression target, Expression iterable, Expression? test, Block body, Block otherwise, bool isRecursive, int line) : Statement(line)
{
    public Expression TargetExpression => target;

    public Expression Iterable => iterable;

    public Expression? Test => test;

    public Block Body => body;

    public Block Otherwise => otherwise;

    public bool IsRecursive => isRecursive;

    /// <summary>The frame layout of a recursive loop, which is called; null where the loop shares that of what is around.</summary>
    public FrameLayout? Function { get; set; }

    public Target? Target { get; set; }

    /// <summary>The target as the test sees it, which runs ahead of the body where the body asks for the next item.</summary>
    public Target? TestTarget { get; set; }

    /// <summary>The slot of <c>loop</c>; -1 where the body does not use it.</summary>
    public int LoopSlot { get; set; } = -1;

    public Scope BodyScope { get; set; } = Scope.Empty;

    public Scope TestScope { get; set; } = Scope.Empty;

    public Scope OtherwiseScope { get; set; } = Scope.Empty;

    public override IEnumerable<Node> Children
    {
        get
        {
            IEnumerable<Node> children = [target, iterable, .. body.Statements, .. otherwise.Statements];
            return test is null ? children : children.Append(test);
        }
    }

    public override Flow Execute(Frame frame, TextBuilder output)
    {
        object? items = iterable.Evaluate(frame);
        if (Function is null)
            return Run(items, frame, output, null, 0);
        output.Append(RenderRecursively(items, 0, frame, new RecursiveLoop(this, frame), frame.Renderer));
        return Flow.Next;
    }

    public PythonString RenderRecursively(object? items, int depth, Frame definedIn, RecursiveLoop loop, Renderer renderer)
    {
        JinjaLimits.CheckStack();
        renderer.CountStep();
        TextBuilder output = new();
        Run(items, new Frame(Function!.SlotCount, definedIn, renderer), output, loop, depth);
        return output.ToPythonString();
    }

    private Flow Run(object? items, Frame frame, TextBuilder output, RecursiveLoop? recursion, int depth)
    {
        if (!Iteration.IsIterable(items))
            throw JinjaException.Type($"'{PythonTypes.Name(items)}' object is not iterable");
        IEnumerator<object?>? lazy = test is not null ? Passing(items, frame).GetEnumerator()
            : items is PythonIterator or LoopContext ? Iteration.Over(items).GetEnumerator()
            : null;
        LoopContext loop = new(items, lazy, recursion, depth);
        bool isEmpty = true;
        while (loop.MoveNext())
        {
            isEmpty = false;
            frame.Renderer.CountStep();
            Target!.Assign(loop.Current, frame);
            if (LoopSlot >= 0)
                frame.Slots[LoopSlot] = loop;
            BodyScope.Enter(frame);
            if (body.Execute(frame, output) == Flow.Break)
                break;
        }

        BodyScope.Leave(frame);
        return isEmpty ? RunOtherwise(frame, output) : Flow.Next;
    }

    private Flow RunOtherwise(Frame frame, TextBuilder output)
    {
        if (otherwise.Statements.Count == 0)
            return Flow.Next;
        OtherwiseScope.Enter(frame);
        Flow flow = otherwise.Execute(frame, output);
        OtherwiseScope.Leave(frame);
        return flow;
    }

    private IEnumerable<object?> Passing(object? items, Frame frame)
    {
        TestScope.Enter(frame);
        foreach (object? item in Iteration.Over(items))
        {
            frame.Renderer.CountStep();
            TestTarget!.Assign(item, frame);
            if (PythonOperators.IsTrue(test!.Evaluate(frame)))
                yield return item;
        }
    }
}
