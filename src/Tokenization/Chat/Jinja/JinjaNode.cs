namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>A node of a template's syntax tree.</summary>
/// <param name="Line">The line of the template, from 1.</param>
internal abstract record JinjaNode(int Line);

internal abstract record Expression(int Line) : JinjaNode(Line);

internal sealed record Literal(object? Value, int Line) : Expression(Line);

internal sealed record NameExpression(string Name, int Line) : Expression(Line);

internal sealed record ListExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record TupleExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record DictExpression(IReadOnlyList<(Expression Key, Expression Value)> Items, int Line) : Expression(Line);

internal sealed record UnaryExpression(string Operator, Expression Operand, int Line) : Expression(Line);

internal sealed record BinaryExpression(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

/// <summary><c>~</c>: all operands as text.</summary>
internal sealed record ConcatExpression(IReadOnlyList<Expression> Operands, int Line) : Expression(Line);

/// <summary>A chain such as <c>a &lt; b &lt;= c</c>, in which each middle operand is evaluated once.</summary>
internal sealed record CompareExpression(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest, int Line) : Expression(Line);

/// <summary><c>a if test else b</c>; without <c>else</c> the other value is undefined.</summary>
internal sealed record ConditionalExpression(Expression Test, Expression Then, Expression? Otherwise, int Line) : Expression(Line);

/// <summary><c>a.b</c>: the attribute, else the item.</summary>
internal sealed record AttributeExpression(Expression Target, string Name, int Line) : Expression(Line);

/// <summary><c>a[b]</c>: the item, else the attribute.</summary>
internal sealed record ItemExpression(Expression Target, Expression Index, int Line) : Expression(Line);

internal sealed record SliceExpression(Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

internal sealed record CallExpression(Expression Callee, ArgumentList Arguments, int Line) : Expression(Line);

internal sealed record FilterExpression(Expression? Value, string Name, ArgumentList Arguments, int Line) : Expression(Line);

internal sealed record TestExpression(Expression Value, string Name, ArgumentList Arguments, int Line) : Expression(Line);

internal sealed record ArgumentList(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Keyword)
{
    public static ArgumentList Empty { get; } = new([], []);
}

internal abstract record Statement(int Line) : JinjaNode(Line);

internal sealed record TextStatement(string Text, int Line) : Statement(Line);

internal sealed record PrintStatement(Expression Value, int Line) : Statement(Line);

internal sealed record IfStatement(IReadOnlyList<(Expression Test, IReadOnlyList<Statement> Body)> Branches, IReadOnlyList<Statement> Otherwise, int Line)
    : Statement(Line);

internal sealed record ForStatement(
    Expression Target, Expression Iterable, Expression? Condition, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Otherwise, int Line)
    : Statement(Line);

internal sealed record BreakStatement(int Line) : Statement(Line);

internal sealed record ContinueStatement(int Line) : Statement(Line);

/// <summary>The target is a name, a tuple of names, or an attribute of a namespace.</summary>
internal sealed record SetStatement(Expression Target, Expression Value, int Line) : Statement(Line);

/// <summary>Sets a name to the text of a block, through a filter where one is given.</summary>
internal sealed record SetBlockStatement(Expression Target, FilterExpression? Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record WithStatement(IReadOnlyList<(Expression Target, Expression Value)> Bindings, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record FilterBlockStatement(FilterExpression Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record MacroStatement(MacroDefinition Macro, int Line) : Statement(Line);

/// <summary><c>{% call(args) f() %}body{% endcall %}</c>: the call sees the body as its <c>caller</c>.</summary>
internal sealed record CallBlockStatement(CallExpression Call, MacroDefinition Caller, int Line) : Statement(Line);

/// <summary>transformers' <c>{% generation %}</c>: marks what the assistant wrote.</summary>
internal sealed record GenerationStatement(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <param name="Name">The macro's name.</param>
/// <param name="Parameters">Names, with defaults for the last ones.</param>
/// <param name="Body">What it renders.</param>
internal sealed record MacroDefinition(string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body);
