// Longer than other files: every statement and expression is one case of the same walk.
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Renders a parsed template once. Work, output and nesting are bounded, so that no template runs away.</summary>
internal sealed class JinjaEvaluator
{
    private readonly StringBuilder _root = new();
    private readonly List<CharSpan> _generations = [];
    private readonly List<CharSpan> _content = [];
    private int _steps;
    private long _written;

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    public static JinjaRendering Render(IReadOnlyList<Statement> template, JinjaScope scope)
    {
        JinjaEvaluator evaluator = new();
        evaluator.Run(template, scope, evaluator._root);
        return new JinjaRendering(evaluator._root.ToString(), evaluator._generations, evaluator._content);
    }

    private Flow Run(IReadOnlyList<Statement> body, JinjaScope scope, StringBuilder output)
    {
        JinjaLimits.CheckStack();
        foreach (Statement statement in body)
        {
            try
            {
                if (Run(statement, scope, output) is var flow && flow != Flow.Next)
                    return flow;
            }
            catch (JinjaException exception) when (exception.Line == 0)
            {
                throw exception.At(statement.Line);
            }
        }

        return Flow.Next;
    }

    private Flow Run(Statement statement, JinjaScope scope, StringBuilder output)
    {
        CountStep();
        switch (statement)
        {
            case TextStatement text:
                Write(text.Text, output);
                break;
            case PrintStatement print:
                Print(print.Value, scope, output);
                break;
            case IfStatement branch:
                return RunIf(branch, scope, output);
            case ForStatement loop:
                RunFor(loop, scope, output);
                break;
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
            case SetStatement set:
                Assign(set.Target, Evaluate(set.Value, scope), scope);
                break;
            case SetBlockStatement set:
                Assign(set.Target, Filtered(set.Filter, Capture(set.Body, new JinjaScope(scope)), scope), scope);
                break;
            case WithStatement with:
                return RunWith(with, scope, output);
            case FilterBlockStatement block:
                WriteContent(PythonText.Print(Filtered(block.Filter, Capture(block.Body, new JinjaScope(scope)), scope)), output);
                break;
            case MacroStatement macro:
                scope.Set(macro.Macro.Name, MakeMacro(macro.Macro, scope));
                break;
            case CallBlockStatement call:
                RunCallBlock(call, scope, output);
                break;
            case GenerationStatement generation:
                RunGeneration(generation, scope, output);
                break;
        }

        return Flow.Next;
    }

    private void Print(Expression expression, JinjaScope scope, StringBuilder output)
    {
        List<(string Text, bool IsLiteral)> parts = [];
        string printed = PythonText.Print(EvaluateParts(expression, scope, parts));
        if (string.Concat(parts.Select(part => part.Text)) != printed)
            parts = [(printed, false)];
        foreach ((string text, bool isLiteral) in parts)
        {
            if (isLiteral)
                Write(text, output);
            else
                WriteContent(text, output);
        }
    }

    /// <summary>Evaluates a sum and keeps which of its parts are literals of the template.</summary>
    private object? EvaluateParts(Expression expression, JinjaScope scope, List<(string Text, bool IsLiteral)> parts)
    {
        CountStep();
        JinjaLimits.CheckStack();
        switch (expression)
        {
            case BinaryExpression { Operator: "+" } sum:
                object? left = EvaluateParts(sum.Left, scope, parts);
                return PythonOperators.Calculate("+", left, EvaluateParts(sum.Right, scope, parts));
            case ConcatExpression concat:
                return string.Concat(concat.Operands.Select(operand => PythonText.Print(EvaluateParts(operand, scope, parts))));
            default:
                object? value = Evaluate(expression, scope);
                parts.Add((PythonText.Print(value), IsTrusted(expression)));
                return value;
        }
    }

    private static bool IsTrusted(Expression expression) =>
        expression is Literal or NameExpression { Name: "bos_token" or "eos_token" or "pad_token" };

    private void WriteContent(string text, StringBuilder output)
    {
        if (output == _root && text.Length > 0)
        {
            if (_content is [.., var last] && last.End == output.Length)
                _content[^1] = last with { End = output.Length + text.Length };
            else
                _content.Add(new CharSpan(output.Length, output.Length + text.Length));
        }

        Write(text, output);
    }

    private Flow RunIf(IfStatement branch, JinjaScope scope, StringBuilder output)
    {
        foreach ((Expression test, IReadOnlyList<Statement> body) in branch.Branches)
        {
            if (PythonOperators.IsTrue(Evaluate(test, scope)))
                return Run(body, scope, output);
        }

        return Run(branch.Otherwise, scope, output);
    }

    private void RunFor(ForStatement statement, JinjaScope scope, StringBuilder output)
    {
        List<object?> items = [.. PythonOperators.Iterate(Evaluate(statement.Iterable, scope))];
        if (statement.Condition is { } condition)
            items = [.. items.Where(item => PythonOperators.IsTrue(Evaluate(condition, BindItem(statement, item, scope))))];
        if (items.Count == 0)
        {
            Run(statement.Otherwise, new JinjaScope(scope), output);
            return;
        }

        JinjaLoop loop = new(items, scope.LoopDepth + 1);
        for (int i = 0; i < items.Count; i++)
        {
            loop.Index = i;
            JinjaScope inner = BindItem(statement, items[i], scope);
            inner.Set("loop", loop);
            if (Run(statement.Body, inner, output) == Flow.Break)
                break;
        }
    }

    private static JinjaScope BindItem(ForStatement statement, object? item, JinjaScope scope)
    {
        JinjaScope inner = new(scope) { LoopDepth = scope.LoopDepth + 1 };
        Assign(statement.Target, item, inner);
        return inner;
    }

    private Flow RunWith(WithStatement with, JinjaScope scope, StringBuilder output)
    {
        JinjaScope inner = new(scope);
        foreach ((Expression target, Expression value) in with.Bindings)
            Assign(target, Evaluate(value, scope), inner);
        return Run(with.Body, inner, output);
    }

    private void RunCallBlock(CallBlockStatement block, JinjaScope scope, StringBuilder output)
    {
        CallArguments arguments = Evaluate(block.Call.Arguments, scope);
        JinjaFunction caller = MakeMacro(block.Caller, scope);
        CallArguments withCaller = arguments with { Keyword = [.. arguments.Keyword, ("caller", caller)] };
        WriteContent(PythonText.Print(Call(Evaluate(block.Call.Callee, scope), withCaller)), output);
    }

    /// <summary>Positions count from the start of the whole text even inside a macro, as in transformers.</summary>
    private void RunGeneration(GenerationStatement generation, JinjaScope scope, StringBuilder output)
    {
        int start = _root.Length;
        int written = output.Length;
        Run(generation.Body, new JinjaScope(scope), output);
        _generations.Add(new CharSpan(start, start + output.Length - written));
    }

    private string Capture(IReadOnlyList<Statement> body, JinjaScope scope)
    {
        StringBuilder output = new();
        Run(body, scope, output);
        return output.ToString();
    }

    private object? Filtered(FilterExpression? filter, string text, JinjaScope scope)
    {
        if (filter is null)
            return text;
        object? value = filter.Value is FilterExpression inner ? Filtered(inner, text, scope) : text;
        return JinjaFilters.Apply(filter.Name, value, Evaluate(filter.Arguments, scope));
    }

    private static void Assign(Expression target, object? value, JinjaScope scope)
    {
        switch (target)
        {
            case NameExpression name:
                scope.Set(name.Name, value);
                break;
            case AttributeExpression { Target: NameExpression owner } attribute:
                if (scope.Get(owner.Name) is not JinjaNamespace space)
                    throw new JinjaException("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
                space.Attributes[attribute.Name] = value;
                break;
            case TupleExpression tuple:
                List<object?> values = [.. PythonOperators.Iterate(value)];
                if (values.Count != tuple.Items.Count)
                    throw new JinjaException("ValueError", $"cannot unpack {values.Count} values into {tuple.Items.Count} names");
                for (int i = 0; i < values.Count; i++)
                    Assign(tuple.Items[i], values[i], scope);
                break;
        }
    }

    private object? Evaluate(Expression expression, JinjaScope scope)
    {
        CountStep();
        JinjaLimits.CheckStack();
        object? value = expression switch
        {
            Literal literal => literal.Value,
            NameExpression name => scope.Get(name.Name),
            AttributeExpression attribute => JinjaAccess.Attribute(Evaluate(attribute.Target, scope), attribute.Name),
            ItemExpression { Index: SliceExpression slice } item => PythonOperators.Slice(
                Evaluate(item.Target, scope), EvaluateOptional(slice.Start, scope), EvaluateOptional(slice.Stop, scope), EvaluateOptional(slice.Step, scope)),
            ItemExpression item => JinjaAccess.Item(Evaluate(item.Target, scope), Evaluate(item.Index, scope)),
            FilterExpression filter => JinjaFilters.Apply(filter.Name, Evaluate(filter.Value!, scope), Evaluate(filter.Arguments, scope)),
            TestExpression test => JinjaTests.Apply(test.Name, Evaluate(test.Value, scope), Evaluate(test.Arguments, scope)),
            CallExpression call => Call(Evaluate(call.Callee, scope), Evaluate(call.Arguments, scope)),
            CompareExpression compare => Compare(compare, scope),
            BinaryExpression binary => Binary(binary, scope),
            UnaryExpression { Operator: "not" } not => !PythonOperators.IsTrue(Evaluate(not.Operand, scope)),
            UnaryExpression { Operator: "-" } minus => PythonOperators.Negate(Evaluate(minus.Operand, scope)),
            UnaryExpression plus => PythonOperators.Negate(PythonOperators.Negate(Evaluate(plus.Operand, scope))),
            ConcatExpression concat => string.Concat(concat.Operands.Select(operand => PythonText.Print(Evaluate(operand, scope)))),
            ConditionalExpression conditional => Conditional(conditional, scope),
            ListExpression list => new List<object?>(list.Items.Select(item => Evaluate(item, scope))),
            TupleExpression tuple => new PythonTuple([.. tuple.Items.Select(item => Evaluate(item, scope))]),
            DictExpression dict => MakeDict(dict, scope),
            _ => throw JinjaException.Syntax("a slice stands outside of brackets", expression.Line),
        };
        if (value is string text)
            JinjaLimits.CheckLength(text.Length);
        return value;
    }

    private object? EvaluateOptional(Expression? expression, JinjaScope scope) => expression is null ? null : Evaluate(expression, scope);

    private CallArguments Evaluate(ArgumentList arguments, JinjaScope scope) =>
        arguments.Positional.Count + arguments.Keyword.Count == 0
            ? CallArguments.Empty
            : new CallArguments(
                [.. arguments.Positional.Select(argument => Evaluate(argument, scope))],
                [.. arguments.Keyword.Select(argument => (argument.Name, Evaluate(argument.Value, scope)))]);

    private bool Compare(CompareExpression compare, JinjaScope scope)
    {
        object? left = Evaluate(compare.First, scope);
        foreach ((string symbol, Expression operand) in compare.Rest)
        {
            object? right = Evaluate(operand, scope);
            if (!PythonOperators.Compare(symbol, left, right))
                return false;
            left = right;
        }

        return true;
    }

    private object? Binary(BinaryExpression binary, JinjaScope scope)
    {
        object? left = Evaluate(binary.Left, scope);
        return binary.Operator switch
        {
            "and" => PythonOperators.IsTrue(left) ? Evaluate(binary.Right, scope) : left,
            "or" => PythonOperators.IsTrue(left) ? left : Evaluate(binary.Right, scope),
            _ => PythonOperators.Calculate(binary.Operator, left, Evaluate(binary.Right, scope)),
        };
    }

    private object? Conditional(ConditionalExpression conditional, JinjaScope scope)
    {
        if (PythonOperators.IsTrue(Evaluate(conditional.Test, scope)))
            return Evaluate(conditional.Then, scope);
        return conditional.Otherwise is { } otherwise
            ? Evaluate(otherwise, scope)
            : new JinjaUndefined($"the inline if-expression on line {conditional.Line} evaluated to false and no else section was defined.");
    }

    private PythonDict MakeDict(DictExpression expression, JinjaScope scope)
    {
        PythonDict dict = [];
        foreach ((Expression key, Expression value) in expression.Items)
            dict[Evaluate(key, scope)] = Evaluate(value, scope);
        return dict;
    }

    private static object? Call(object? callee, CallArguments arguments)
    {
        PythonOperators.FailIfUndefined(callee);
        return callee is JinjaFunction function
            ? function.Call(arguments)
            : throw JinjaException.Type($"'{PythonText.TypeName(callee)}' object is not callable");
    }

    private JinjaFunction MakeMacro(MacroDefinition macro, JinjaScope definedIn) =>
        new(macro.Name, arguments => CallMacro(macro, definedIn, arguments));

    private string CallMacro(MacroDefinition macro, JinjaScope definedIn, CallArguments arguments)
    {
        JinjaScope scope = new(definedIn) { LoopDepth = 0 };
        if (arguments.Positional.Count > macro.Parameters.Count)
            throw JinjaException.Type($"macro '{macro.Name}' takes not more than {macro.Parameters.Count} argument(s)");
        foreach ((string name, _) in arguments.Keyword)
        {
            if (name != "caller" && !macro.Parameters.Any(parameter => parameter.Name == name))
                throw JinjaException.Type($"macro '{macro.Name}' takes no keyword argument '{name}'");
        }

        foreach ((string name, object? value) in arguments.Keyword)
            scope.Set(name, value);
        for (int i = 0; i < macro.Parameters.Count; i++)
        {
            (string name, Expression? fallback) = macro.Parameters[i];
            if (i < arguments.Positional.Count)
                scope.Set(name, arguments.Positional[i]);
            else if (!arguments.Keyword.Any(argument => argument.Name == name))
                scope.Set(name, fallback is null ? new JinjaUndefined($"parameter '{name}' was not provided") : Evaluate(fallback, scope));
        }

        return Capture(macro.Body, scope);
    }

    private void CountStep()
    {
        if (++_steps > JinjaLimits.Steps)
            throw JinjaException.Limit($"rendering took more than {JinjaLimits.Steps} steps");
    }

    private void Write(string text, StringBuilder output)
    {
        _written += text.Length;
        if (_written > JinjaLimits.Output)
            throw JinjaException.Limit($"the output is longer than {JinjaLimits.Output} characters");
        output.Append(text);
    }
}
