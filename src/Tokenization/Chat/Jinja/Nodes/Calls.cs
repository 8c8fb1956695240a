using AgentRollout.Tokenization.Chat.Jinja.Filters;
using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Nodes;

/// <summary>The arguments of a call, a filter or a test as they are written. Where all are literals they are evaluated once.</summary>
internal sealed class ArgumentList(Expression[] positional, (string Name, Expression Value)[] keyword, Expression? unpacked, Expression? unpackedNamed)
{
    public static readonly ArgumentList Empty = new([], [], null, null);

    private readonly string[] _names = [.. keyword.Select(argument => argument.Name)];
    private readonly Arguments? _constant = Constant(positional, keyword, unpacked ?? unpackedNamed);

    public IEnumerable<Node> Children =>
        [.. positional, .. keyword.Select(argument => argument.Value), .. new[] { unpacked, unpackedNamed }.OfType<Expression>()];

    /// <summary>Whether the arguments are always the same.</summary>
    public bool IsConstant => _constant is not null;

    public Arguments Evaluate(Frame frame)
    {
        if (_constant is not null)
            return _constant;
        object?[] values = new object?[positional.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = positional[i].Evaluate(frame);
        object?[] named = new object?[keyword.Length];
        for (int i = 0; i < named.Length; i++)
            named[i] = keyword[i].Value.Evaluate(frame);
        if (unpacked is null && unpackedNamed is null)
            return new Arguments(values, _names, named);
        return Unpack(values, named, frame);
    }

    private Arguments Unpack(object?[] values, object?[] named, Frame frame)
    {
        object? more = unpacked?.Evaluate(frame);
        if (unpacked is not null && !Iteration.IsIterable(more))
            throw JinjaException.Type($"Value after * must be an iterable, not {PythonTypes.Name(more)}");
        Arguments arguments = new(unpacked is null ? values : [.. values, .. Iteration.Items(more)], _names, named);
        if (unpackedNamed is null)
            return arguments;
        object? moreNamed = unpackedNamed.Evaluate(frame);
        if (moreNamed is not PythonDict dict)
            throw JinjaException.Type($"argument after ** must be a mapping, not {PythonTypes.Name(moreNamed)}");
        foreach ((object? key, object? value) in dict.Entries)
        {
            if (key is not PythonString name)
                throw JinjaException.Type("keywords must be strings");
            if (arguments.TryKeyword(name.Text, out _))
                throw JinjaException.Type($"got multiple values for keyword argument '{name.Text}'");
            arguments = arguments.WithKeyword(name.Text, value);
        }

        return arguments;
    }

    private static Arguments? Constant(Expression[] positional, (string Name, Expression Value)[] keyword, Expression? unpacked)
    {
        if (unpacked is not null || !positional.All(value => value is Literal) || !keyword.All(argument => argument.Value is Literal))
            return null;
        return positional.Length + keyword.Length == 0
            ? Arguments.None
            : new Arguments(
                [.. positional.Select(value => ((Literal)value).Value)],
                [.. keyword.Select(argument => argument.Name)],
                [.. keyword.Select(argument => ((Literal)argument.Value).Value)]);
    }
}

/// <summary><c>f(…)</c>. A method of a string or mapping is called without making it a value first.</summary>
internal sealed class CallExpression(Expression callee, ArgumentList arguments, int line) : Expression(line)
{
    private readonly AttributeExpression? _method = callee as AttributeExpression;
    private readonly Func<object, Arguments, object?>? _ofString =
        callee is AttributeExpression method ? StringMethods.All.GetValueOrDefault(method.Name) : null;

    private readonly Func<object, Arguments, object?>? _ofDict =
        callee is AttributeExpression method ? ContainerMethods.FindOfDict(method.Name) : null;

    public override IEnumerable<Node> Children => [callee, .. arguments.Children];

    public override object? Evaluate(Frame frame) => Call(frame, null);

    /// <param name="frame">The variables.</param>
    /// <param name="caller">What a call block adds to the arguments.</param>
    public object? Call(Frame frame, Macro? caller)
    {
        JinjaLimits.CheckStack();
        frame.Renderer.CountStep();
        object? target = null;
        if (_method is not null)
        {
            object? owner = _method.Target.Evaluate(frame);
            Func<object, Arguments, object?>? direct = owner switch { PythonString => _ofString, PythonDict => _ofDict, _ => null };
            if (direct is not null && caller is null)
                return direct(owner!, arguments.Evaluate(frame));
            target = Access.Attribute(owner, _method.Name);
        }
        else
            target = callee.Evaluate(frame);

        Arguments given = arguments.Evaluate(frame);
        if (caller is not null)
            given = given.WithKeyword("caller", caller);
        return target switch
        {
            PythonCallable callable => callable.Call(given, frame.Renderer),
            LoopContext loop => loop.Call(given, frame.Renderer),
            JinjaUndefined undefined => throw undefined.Error,
            _ => throw JinjaException.Type($"'{PythonTypes.Name(target)}' object is not callable"),
        };
    }
}

/// <summary><c>value | filter(…)</c>; the value is null where a block of text goes through the filter.</summary>
internal sealed class FilterExpression(Expression? value, string name, ArgumentList arguments, int line) : Expression(line)
{
    private readonly JinjaFilter? _filter = JinjaFilters.Find(name);
    private JsonStyle? _constantStyle;

    public string Name => name;

    public bool IsKnown => _filter is not null;

    public override IEnumerable<Node> Children => value is null ? arguments.Children : [value, .. arguments.Children];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        return Apply(value!.Evaluate(frame), frame);
    }

    public override void Print(Frame frame, TextBuilder output)
    {
        if (name != "tojson")
        {
            base.Print(frame, output);
            return;
        }

        JinjaLimits.CheckStack();
        object? json = value!.Evaluate(frame);
        JsonStyle style = arguments.IsConstant ? _constantStyle ??= JsonStyle.From(arguments.Evaluate(frame)) : JsonStyle.From(arguments.Evaluate(frame));
        JinjaJson.Write(json, style, output);
    }

    /// <summary>Sends a block of text through this filter and those before it.</summary>
    public object? ApplyToBlock(PythonString text, Frame frame) =>
        Apply(value is FilterExpression inner ? inner.ApplyToBlock(text, frame) : text, frame);

    private object? Apply(object? input, Frame frame)
    {
        if (_filter is null)
            throw JinjaException.Runtime($"No filter named '{name}' found.");
        return _filter(input, arguments.Evaluate(frame), frame.Renderer);
    }
}

/// <summary><c>value is test(…)</c>.</summary>
internal sealed class TestExpression(Expression value, string name, ArgumentList arguments, int line) : Expression(line)
{
    private readonly JinjaTest? _test = JinjaTests.Find(name);

    public string Name => name;

    public bool IsKnown => _test is not null;

    public override IEnumerable<Node> Children => [value, .. arguments.Children];

    public override object? Evaluate(Frame frame)
    {
        JinjaLimits.CheckStack();
        object? input = value.Evaluate(frame);
        if (_test is null)
            throw JinjaException.Runtime($"No test named '{name}' found.");
        return Boxed.From(_test(input, arguments.Evaluate(frame)));
    }
}
