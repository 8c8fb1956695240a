// Longer than other files: one method per precedence, in the order of the grammar.
using System.Globalization;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Nodes;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

/// <summary>Parses expressions with the precedences of Jinja 3.1, which differ from Python's for <c>**</c>, <c>-</c> and filters.</summary>
internal sealed class JinjaExpressionParser(JinjaTokenStream stream)
{
    public Expression ParseExpression() => ParseConditional();

    /// <summary>An expression, or a tuple without parentheses.</summary>
    /// <param name="withConditional">Whether <c>a if b</c> is one.</param>
    /// <param name="end">A name that ends a tuple after a comma.</param>
    public Expression ParseTuple(bool withConditional = true, string? end = null) =>
        ParseTuple(withConditional ? ParseConditional : ParseOr, end, isInParentheses: false);

    /// <summary>What a <c>for</c>, <c>set</c> or <c>with</c> assigns to: names, perhaps nested, or an attribute of a namespace.</summary>
    /// <param name="end">A name that ends a tuple after a comma.</param>
    /// <param name="withNamespace">Whether an attribute may be assigned to.</param>
    public Expression ParseTarget(string? end, bool withNamespace = false)
    {
        int line = stream.Current.Line;
        if (withNamespace && stream.Following.IsOperator("."))
        {
            JinjaToken owner = stream.ExpectName();
            stream.Take();
            return new AttributeExpression(new NameExpression(owner.Text, NameUse.Load, line), stream.ExpectName().Text, line);
        }

        return ToTarget(ParseTuple(ParsePrimary, end, isInParentheses: false));
    }

    /// <summary>A name that is assigned to.</summary>
    public NameExpression ParseName()
    {
        JinjaToken name = stream.ExpectName();
        return (NameExpression)ToTarget(Named(name));
    }

    /// <summary>Filters behind a tag's name, or all that follow; null where there are none.</summary>
    public FilterExpression? ParseFilters(Expression? value, bool startsInline)
    {
        FilterExpression? filter = value as FilterExpression;
        while (startsInline || stream.TakeOperator("|"))
        {
            startsInline = false;
            JinjaToken name = stream.ExpectName();
            string fullName = ParseDottedName(name.Text);
            ArgumentList arguments = stream.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty;
            value = filter = new FilterExpression(value, fullName, arguments, name.Line);
        }

        return filter;
    }

    private Expression ParseTuple(Func<Expression> parse, string? end, bool isInParentheses)
    {
        int line = stream.Current.Line;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0)
                stream.ExpectOperator(",");
            if (EndsTuple(end))
                break;
            items.Add(parse());
            if (!stream.Current.IsOperator(","))
                break;
            isTuple = true;
        }

        if (isTuple)
            return new TupleExpression([.. items], line);
        if (items.Count > 0)
            return items[0];
        return isInParentheses
            ? new TupleExpression([], line)
            : throw JinjaException.Syntax($"Expected an expression, got {JinjaTokenStream.Quoted(stream.Current.Description)}", stream.Current.Line);
    }

    private bool EndsTuple(string? end) =>
        stream.Current.Kind is JinjaTokenKind.VariableEnd or JinjaTokenKind.BlockEnd || stream.Current.IsOperator(")")
        || (end is not null && stream.Current.IsName(end));

    private static Expression ToTarget(Expression expression)
    {
        JinjaLimits.CheckStack();
        return expression switch
        {
            NameExpression name => new NameExpression(name.Name, NameUse.Store, name.Line),
            TupleExpression tuple => new TupleExpression([.. tuple.Items.Select(ToTarget)], tuple.Line),
            _ => throw JinjaException.Syntax($"can't assign to '{KindOf(expression)}'", expression.Line),
        };
    }

    private static string KindOf(Expression expression) => expression switch
    {
        Literal => "const",
        ListExpression => "list",
        DictExpression => "dict",
        AttributeExpression => "getattr",
        CallExpression => "call",
        _ => "expression",
    };

    private Expression ParseConditional()
    {
        JinjaLimits.CheckStack();
        int line = stream.Current.Line;
        Expression value = ParseOr();
        while (stream.TakeName("if"))
        {
            Expression test = ParseOr();
            Expression? otherwise = stream.TakeName("else") ? ParseConditional() : null;
            value = new ConditionalExpression(test, value, otherwise, line);
            line = stream.Current.Line;
        }

        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (stream.TakeName("or"))
            left = new OrExpression(left, ParseAnd(), left.Line);
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (stream.TakeName("and"))
            left = new AndExpression(left, ParseNot(), left.Line);
        return left;
    }

    private Expression ParseNot()
    {
        JinjaLimits.CheckStack();
        int line = stream.Current.Line;
        return stream.TakeName("not") ? new NotExpression(ParseNot(), line) : ParseCompare();
    }

    private Expression ParseCompare()
    {
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            JinjaToken token = stream.Current;
            if (token.Kind == JinjaTokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                stream.Take();
                rest.Add((token.Text, ParseSum()));
            }
            else if (stream.TakeName("in"))
                rest.Add(("in", ParseSum()));
            else if (token.IsName("not") && stream.Following.IsName("in"))
            {
                stream.Take();
                stream.Take();
                rest.Add(("not in", ParseSum()));
            }
            else
                return rest.Count == 0 ? first : new CompareExpression(first, [.. rest], first.Line);
        }
    }

    private Expression ParseSum()
    {
        Expression left = ParseConcat();
        List<Expression> terms = [left];
        while (stream.Current.IsOperator("+") || stream.Current.IsOperator("-"))
        {
            if (stream.Take().Text == "+")
            {
                terms.Add(ParseConcat());
                continue;
            }

            left = new ArithmeticExpression("-", Sum(terms), ParseConcat(), left.Line);
            terms = [left];
        }

        return Sum(terms);
    }

    private static Expression Sum(List<Expression> terms) => terms.Count == 1 ? terms[0] : new SumExpression([.. terms], terms[0].Line);

    private Expression ParseConcat()
    {
        Expression first = ParseProduct();
        if (!stream.Current.IsOperator("~"))
            return first;
        List<Expression> operands = [first];
        while (stream.TakeOperator("~"))
            operands.Add(ParseProduct());
        return new ConcatExpression([.. operands], first.Line);
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (stream.Current is { Kind: JinjaTokenKind.Operator, Text: "*" or "/" or "//" or "%" })
            left = new ArithmeticExpression(stream.Take().Text, left, ParsePower(), left.Line);
        return left;
    }

    /// <summary>Associates to the left and takes a signed base, unlike Python.</summary>
    private Expression ParsePower()
    {
        Expression left = ParseUnary(withFilters: true);
        while (stream.TakeOperator("**"))
            left = new ArithmeticExpression("**", left, ParseUnary(withFilters: true), left.Line);
        return left;
    }

    private Expression ParseUnary(bool withFilters)
    {
        JinjaLimits.CheckStack();
        int line = stream.Current.Line;
        Expression value;
        if (stream.Current.IsOperator("-") || stream.Current.IsOperator("+"))
        {
            bool isMinus = stream.Take().Text == "-";
            Expression operand = ParseUnary(withFilters: false);
            value = isMinus && operand is Literal { Value: long or double or BigInteger } literal
                ? new Literal(PythonNumbers.Negate(literal.Value), line)
                : new SignExpression(isMinus, operand, line);
        }
        else
            value = ParsePrimary();

        value = ParsePostfix(value);
        return withFilters ? ParseFiltersAndTests(value) : value;
    }

    private Expression ParsePrimary()
    {
        JinjaToken token = stream.Current;
        if (token.Kind is not (JinjaTokenKind.Name or JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float)
            && token is not { Kind: JinjaTokenKind.Operator, Text: "(" or "[" or "{" })
        {
            throw JinjaException.Syntax($"unexpected {JinjaTokenStream.Quoted(token.Description)}", token.Line);
        }

        stream.Take();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return Named(token);
            case JinjaTokenKind.String:
                string text = token.Text;
                while (stream.Current.Kind == JinjaTokenKind.String)
                    text += stream.Take().Text;
                return new Literal(new PythonString(text), token.Line);
            case JinjaTokenKind.Integer:
                return new Literal(ParseInteger(token), token.Line);
            case JinjaTokenKind.Float:
                return new Literal(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
        }

        switch (token.Text)
        {
            case "(":
                JinjaLimits.CheckStack();
                Expression inner = ParseTuple(ParseConditional, null, isInParentheses: true);
                stream.ExpectOperator(")");
                return inner;
            case "[":
                return new ListExpression([.. ParseItems("]", ParseExpression)], token.Line);
            default:
                return new DictExpression([.. ParseItems("}", ParsePair)], token.Line);
        }
    }

    private static Expression Named(JinjaToken token) => token.Text switch
    {
        "true" or "True" => new Literal(Boxed.True, token.Line),
        "false" or "False" => new Literal(Boxed.False, token.Line),
        "none" or "None" => new Literal(null, token.Line),
        _ => new NameExpression(token.Text, NameUse.Load, token.Line),
    };

    private static object ParseInteger(JinjaToken token)
    {
        string digits = token.Text.Replace("_", "", StringComparison.Ordinal);
        JinjaLimits.CheckLength(digits.Length * 1000L);
        return Formatting.Radix.Parse(digits, 0) ?? throw JinjaException.Syntax($"invalid number '{token.Text}'", token.Line);
    }

    private List<T> ParseItems<T>(string end, Func<T> parse)
    {
        List<T> items = [];
        while (!stream.Current.IsOperator(end))
        {
            if (items.Count > 0)
                stream.ExpectOperator(",");
            if (stream.Current.IsOperator(end))
                break;
            items.Add(parse());
        }

        stream.ExpectOperator(end);
        return items;
    }

    private (Expression Key, Expression Value) ParsePair()
    {
        Expression key = ParseExpression();
        stream.ExpectOperator(":");
        return (key, ParseExpression());
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            int line = stream.Current.Line;
            if (stream.TakeOperator("."))
                value = ParseAttribute(value, line);
            else if (stream.TakeOperator("["))
                value = ParseSubscript(value, line);
            else if (stream.Current.IsOperator("("))
                value = new CallExpression(value, ParseArguments(), line);
            else
                return value;
        }
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            JinjaToken token = stream.Current;
            if (token.IsOperator("|"))
                value = ParseFilters(value, startsInline: false)!;
            else if (token.IsName("is"))
                value = ParseTest(value);
            else if (token.IsOperator("("))
                value = new CallExpression(value, ParseArguments(), token.Line);
            else
                return value;
        }
    }

    private Expression ParseAttribute(Expression owner, int line)
    {
        JinjaToken name = stream.Take();
        return name.Kind switch
        {
            JinjaTokenKind.Name => new AttributeExpression(owner, name.Text, line),
            JinjaTokenKind.Integer => new ItemExpression(owner, new Literal(ParseInteger(name), line), line),
            _ => throw JinjaException.Syntax("expected name or number", name.Line),
        };
    }

    private Expression ParseSubscript(Expression owner, int line)
    {
        List<Expression> indices = [];
        while (!stream.Current.IsOperator("]"))
        {
            if (indices.Count > 0)
                stream.ExpectOperator(",");
            Expression? start = stream.Current.IsOperator(":") ? null : ParseExpression();
            if (!stream.TakeOperator(":"))
            {
                indices.Add(start!);
                continue;
            }

            SliceExpression slice = ParseSlice(owner, start, line);
            if (indices.Count > 0 || !stream.TakeOperator("]"))
                throw JinjaException.Syntax("invalid syntax: a slice beside other indices", line);
            return slice;
        }

        stream.Take();
        return new ItemExpression(owner, indices.Count == 1 ? indices[0] : new TupleExpression([.. indices], line), line);
    }

    private SliceExpression ParseSlice(Expression owner, Expression? start, int line)
    {
        Expression? stop = EndsBound() || stream.Current.IsOperator(":") ? null : ParseExpression();
        Expression? step = stream.TakeOperator(":") && !EndsBound() ? ParseExpression() : null;
        return new SliceExpression(owner, start, stop, step, line);
    }

    private bool EndsBound() => stream.Current.IsOperator("]") || stream.Current.IsOperator(",");

    private Expression ParseTest(Expression value)
    {
        int line = stream.Take().Line;
        bool isNegated = stream.TakeName("not");
        string name = ParseDottedName(stream.ExpectName().Text);
        Expression test = new TestExpression(value, name, ParseTestArguments(), line);
        return isNegated ? new NotExpression(test, line) : test;
    }

    /// <summary>A test may take one argument without parentheses.</summary>
    private ArgumentList ParseTestArguments()
    {
        JinjaToken token = stream.Current;
        if (token.IsOperator("("))
            return ParseArguments();
        bool begins = token.Kind is JinjaTokenKind.Name or JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float
            || token.IsOperator("[") || token.IsOperator("{");
        if (!begins || token is { Kind: JinjaTokenKind.Name, Text: "else" or "or" or "and" })
            return ArgumentList.Empty;
        if (token.IsName("is"))
            throw JinjaException.Syntax("You cannot chain multiple tests with is", token.Line);
        return new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
    }

    private string ParseDottedName(string name)
    {
        while (stream.TakeOperator("."))
            name += "." + stream.ExpectName().Text;
        return name;
    }

    private ArgumentList ParseArguments()
    {
        int line = stream.Current.Line;
        stream.ExpectOperator("(");
        List<Expression> positional = [];
        List<(string Name, Expression Value)> keyword = [];
        Expression? unpacked = null;
        Expression? unpackedNamed = null;
        for (bool isFirst = true; !stream.Current.IsOperator(")"); isFirst = false)
        {
            if (!isFirst)
            {
                stream.ExpectOperator(",");
                if (stream.Current.IsOperator(")"))
                    break;
            }

            if (stream.TakeOperator("*"))
            {
                Ensure(unpacked is null && unpackedNamed is null, line);
                unpacked = ParseExpression();
            }
            else if (stream.TakeOperator("**"))
            {
                Ensure(unpackedNamed is null, line);
                unpackedNamed = ParseExpression();
            }
            else if (stream.Current.Kind == JinjaTokenKind.Name && stream.Following.IsOperator("="))
            {
                Ensure(unpackedNamed is null, line);
                string name = stream.Take().Text;
                stream.Take();
                if (keyword.Any(other => other.Name == name))
                    throw new JinjaException("SyntaxError", $"keyword argument repeated: {name}", line);
                keyword.Add((name, ParseExpression()));
            }
            else
            {
                Ensure(unpacked is null && unpackedNamed is null && keyword.Count == 0, line);
                positional.Add(ParseExpression());
            }
        }

        stream.ExpectOperator(")");
        return positional.Count + keyword.Count == 0 && unpacked is null && unpackedNamed is null
            ? ArgumentList.Empty
            : new ArgumentList([.. positional], [.. keyword], unpacked, unpackedNamed);
    }

    private static void Ensure(bool condition, int line)
    {
        if (!condition)
            throw JinjaException.Syntax("invalid syntax for function call expression", line);
    }
}
