using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary><c>a + b + c</c>, from the left. Strings are put together, or written, at once.</summary>
internal sealed class SumExpression(Expression[] operands, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => operands;

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? first = operands[0].Evaluate(frame);
        if (operands.Length > 2 && first is PythonString { IsMarkup: false } text)
        {
            TextBuilder builder = new();
            builder.Append(text);
            return Append(builder, 0, frame, out object? sum) ? builder.ToPythonString() : sum;
        }

        return AddRest(first, 1, frame);
    }

    public override void Print(Frame frame, TextBuilder output)
    {
        JinjaLimits.CheckStack();
        object? first = operands[0].Evaluate(frame);
        if (first is not PythonString { IsMarkup: false } text)
        {
            PythonPrinter.Print(AddRest(first, 1, frame), output);
            return;
        }

        int start = output.Length;
        output.Append(text);
        if (!Append(output, start, frame, out object? sum))
            PythonPrinter.Print(sum, output);
    }

    /// <summary>Writes the operands after the first as long as they are strings; else takes what is written back and adds it up.</summary>
    private bool Append(TextBuilder output, int start, Frame frame, out object? sum)
    {
        for (int i = 1; i < operands.Length; i++)
        {
            object? value = operands[i].Evaluate(frame);
            if (value is not PythonString { IsMarkup: false } text)
            {
                sum = AddRest(PythonOperators.Add(output.Cut(start), value), i + 1, frame);
                return false;
            }

            output.Append(text);
        }

        sum = null;
        return true;
    }

    private object? AddRest(object? sum, int next, Frame frame)
    {
        for (int i = next; i < operands.Length; i++)
            sum = PythonOperators.Add(sum, operands[i].Evaluate(frame));
        return sum;
    }
}

/// <summary>Arithmetic other than <c>+</c>.</summary>
internal sealed class ArithmeticExpression(string symbol, Expression left, Expression right, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [left, right];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? value = left.Evaluate(frame);
        return PythonOperators.Calculate(symbol, value, right.Evaluate(frame));
    }
}

/// <summary><c>a ~ b</c>: all operands as text.</summary>
internal sealed class ConcatExpression(Expression[] operands, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => operands;

    public override object? Evaluate(Frame frame)
    {
        TextBuilder text = new();
        Print(frame, text);
        return text.ToPythonString();
    }

    public override void Print(Frame frame, TextBuilder output)
    {
        JinjaLimits.CheckStack();
        foreach (Expression operand in operands)
            operand.Print(frame, output);
    }
}

internal sealed class AndExpression(Expression left, Expression right, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [left, right];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? value = left.Evaluate(frame);
        return PythonOperators.IsTrue(value) ? right.Evaluate(frame) : value;
    }
}

internal sealed class OrExpression(Expression left, Expression right, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [left, right];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? value = left.Evaluate(frame);
        return PythonOperators.IsTrue(value) ? value : right.Evaluate(frame);
    }
}

internal sealed class NotExpression(Expression operand, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [operand];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        return Boxed.From(!PythonOperators.IsTrue(operand.Evaluate(frame)));
    }
}

internal sealed class SignExpression(bool isMinus, Expression operand, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [operand];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? value = operand.Evaluate(frame);
        return isMinus ? PythonOperators.Negate(value) : PythonOperators.Posit(value);
    }
}

/// <summary>A chain such as <c>a &lt; b &lt;= c</c>, in which each middle operand is evaluated once.</summary>
internal sealed class CompareExpression(Expression first, (string Symbol, Expression Operand)[] rest, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [first, .. rest.Select(part => part.Operand)];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? left = first.Evaluate(frame);
        foreach ((string symbol, Expression operand) in rest)
        {
            object? right = operand.Evaluate(frame);
            if (!PythonOperators.Compare(symbol, left, right))
                return Boxed.False;
            left = right;
        }

        return Boxed.True;
    }
}

/// <summary><c>a if test else b</c>; without <c>else</c> the other value is undefined.</summary>
internal sealed class ConditionalExpression(Expression test, Expression then, Expression? otherwise, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => otherwise is null ? [test, then] : [test, then, otherwise];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        return Choose(frame) is { } chosen
            ? chosen.Evaluate(frame)
            : new JinjaUndefined($"the inline if-expression on line {Line} evaluated to false and no else section was defined.");
    }

    public override void Print(Frame frame, TextBuilder output)
    {
        JinjaLimits.CheckStack();
        Choose(frame)?.Print(frame, output);
    }

    private Expression? Choose(Frame frame) => PythonOperators.IsTrue(test.Evaluate(frame)) ? then : otherwise;
}
