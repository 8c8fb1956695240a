// Longer than other files: one method per precedence, in the order of the grammar.
using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Parses expressions with the precedences of Jinja 3.1, which differ from Python's for <c>**</c>, <c>-</c> and filters.</summary>
internal sealed class JinjaExpressionParser(JinjaTokenStream stream)
{
    public Expression ParseExpression() => ParseConditional();

    /// <summary>An expression, or a tuple without parentheses.</summary>
    public Expression ParseTuple(bool withConditional = true)
    {
        int line = stream.Current.Line;
        Expression first = withConditional ? ParseConditional() : ParseOr();
        if (!stream.Current.IsOperator(","))
            return first;
        List<Expression> items = [first];
        while (stream.TakeOperator(",") && !EndsTuple())
            items.Add(withConditional ? ParseConditional() : ParseOr());
        return new TupleExpression(items, line);
    }

    /// <summary>What a <c>for</c>, <c>set</c> or <c>with</c> assigns to: names, perhaps nested, or an attribute of a namespace.</summary>
    public Expression ParseTarget()
    {
        int line = stream.Current.Line;
        Expression first = ParseTargetItem();
        if (!stream.Current.IsOperator(","))
            return first;
        List<Expression> items = [first];
        while (stream.TakeOperator(",") && stream.Current.Kind == JinjaTokenKind.Name && !stream.Current.IsName("in"))
            items.Add(ParseTargetItem());
        return new TupleExpression(items, line);
    }

    public ArgumentList ParseArguments()
    {
        stream.ExpectOperator("(");
        List<Expression> positional = [];
        List<(string, Expression)> keyword = [];
        while (!stream.TakeOperator(")"))
        {
            if (positional.Count + keyword.Count > 0)
            {
                stream.ExpectOperator(",");
                if (stream.TakeOperator(")"))
                    break;
            }

            if (stream.Current.IsOperator("*") || stream.Current.IsOperator("**"))
                throw JinjaException.Unsupported("Unpacking arguments with * or **", stream.Current.Line);
            if (stream.Current.Kind == JinjaTokenKind.Name && stream.Following.IsOperator("="))
            {
                string name = stream.Take().Text;
                stream.Take();
                keyword.Add((name, ParseExpression()));
            }
            else if (keyword.Count > 0)
                throw JinjaException.Syntax("invalid syntax for function call expression", stream.Current.Line);
            else
                positional.Add(ParseExpression());
        }

        return new ArgumentList(positional, keyword);
    }

    /// <summary>Filters after a block's tag, the first without its bar: <c>{% filter upper %}</c>.</summary>
    public FilterExpression ParseBlockFilters()
    {
        FilterExpression filter = ParseFilter(null);
        while (stream.TakeOperator("|"))
            filter = ParseFilter(filter);
        return filter;
    }

    private Expression ParseTargetItem()
    {
        if (stream.TakeOperator("("))
        {
            Expression inner = ParseTarget();
            stream.ExpectOperator(")");
            return inner;
        }

        JinjaToken name = stream.Expect(JinjaTokenKind.Name, "name");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None")
            throw JinjaException.Syntax($"can't assign to '{name.Text}'", name.Line);
        if (!stream.TakeOperator("."))
            return new NameExpression(name.Text, name.Line);
        JinjaToken attribute = stream.Expect(JinjaTokenKind.Name, "name");
        return new AttributeExpression(new NameExpression(name.Text, name.Line), attribute.Text, name.Line);
    }

    private bool EndsTuple() =>
        stream.Current.Kind is JinjaTokenKind.VariableEnd or JinjaTokenKind.BlockEnd || stream.Current.IsOperator(")");

    private Expression ParseConditional()
    {
        JinjaLimits.CheckStack();
        Expression value = ParseOr();
        while (stream.Current.IsName("if"))
        {
            int line = stream.Take().Line;
            Expression test = ParseOr();
            Expression? otherwise = stream.TakeName("else") ? ParseConditional() : null;
            value = new ConditionalExpression(test, value, otherwise, line);
        }

        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (stream.Current.IsName("or"))
            left = new BinaryExpression("or", left, TakeThen(ParseAnd), left.Line);
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (stream.Current.IsName("and"))
            left = new BinaryExpression("and", left, TakeThen(ParseNot), left.Line);
        return left;
    }

    private Expression ParseNot()
    {
        JinjaLimits.CheckStack();
        int line = stream.Current.Line;
        return stream.TakeName("not") ? new UnaryExpression("not", ParseNot(), line) : ParseCompare();
    }

    private Expression ParseCompare()
    {
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            JinjaToken token = stream.Current;
            if (token.Kind == JinjaTokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
                rest.Add((token.Text, TakeThen(ParseSum)));
            else if (token.IsName("in"))
                rest.Add(("in", TakeThen(ParseSum)));
            else if (token.IsName("not") && stream.Following.IsName("in"))
            {
                stream.Take();
                rest.Add(("not in", TakeThen(ParseSum)));
            }
            else
                return rest.Count == 0 ? first : new CompareExpression(first, rest, first.Line);
        }
    }

    private Expression ParseSum() => ParseLeft(ParseConcat, "+", "-");

    private Expression ParseConcat()
    {
        Expression first = ParseProduct();
        if (!stream.Current.IsOperator("~"))
            return first;
        List<Expression> operands = [first];
        while (stream.TakeOperator("~"))
            operands.Add(ParseProduct());
        return new ConcatExpression(operands, first.Line);
    }

    private Expression ParseProduct() => ParseLeft(ParsePower, "*", "/", "//", "%");

    /// <summary>Associates to the left and takes a signed base, unlike Python.</summary>
    private Expression ParsePower() => ParseLeft(() => ParseUnary(withFilters: true), "**");

    private Expression ParseLeft(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        Expression left = operand();
        while (stream.Current.Kind == JinjaTokenKind.Operator && operators.Contains(stream.Current.Text))
        {
            string symbol = stream.Take().Text;
            left = new BinaryExpression(symbol, left, operand(), left.Line);
        }

        return left;
    }

    private Expression TakeThen(Func<Expression> parse)
    {
        stream.Take();
        return parse();
    }

    private Expression ParseUnary(bool withFilters)
    {
        JinjaLimits.CheckStack();
        int line = stream.Current.Line;
        Expression value;
        if (stream.TakeOperator("-"))
            value = new UnaryExpression("-", ParseUnary(withFilters: false), line);
        else if (stream.TakeOperator("+"))
            value = new UnaryExpression("+", ParseUnary(withFilters: false), line);
        else
            value = ParsePrimary();
        value = ParsePostfix(value);
        return withFilters ? ParseFiltersAndTests(value) : value;
    }

    private Expression ParsePrimary()
    {
        JinjaToken token = stream.Take();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Literal(true, token.Line),
                    "false" or "False" => new Literal(false, token.Line),
                    "none" or "None" => new Literal(null, token.Line),
                    _ => new NameExpression(token.Text, token.Line),
                };
            case JinjaTokenKind.String:
                string text = token.Text;
                while (stream.Current.Kind == JinjaTokenKind.String)
                    text += stream.Take().Text;
                return new Literal(text, token.Line);
            case JinjaTokenKind.Integer:
                return new Literal(ParseInteger(token), token.Line);
            case JinjaTokenKind.Float:
                return new Literal(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            case JinjaTokenKind.Operator when token.Text == "(":
                return ParseParentheses(token.Line);
            case JinjaTokenKind.Operator when token.Text == "[":
                return new ListExpression(ParseItems("]", ParseExpression), token.Line);
            case JinjaTokenKind.Operator when token.Text == "{":
                return new DictExpression(ParseItems("}", ParsePair), token.Line);
            default:
                throw JinjaException.Syntax($"unexpected '{token.Description}'", token.Line);
        }
    }

    private static object ParseInteger(JinjaToken token)
    {
        string digits = token.Text.Replace("_", "", StringComparison.Ordinal);
        int radix = digits.Length > 2 ? (digits[1] | 0x20) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        BigInteger value = 0;
        foreach (char digit in radix == 10 ? digits : digits[2..])
        {
            int number = char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
            if (number >= radix)
                throw JinjaException.Syntax($"'{token.Text}' is no number", token.Line);
            value = (value * radix) + number;
        }

        return PythonNumbers.Normalize(value);
    }

    private Expression ParseParentheses(int line)
    {
        if (stream.TakeOperator(")"))
            return new TupleExpression([], line);
        Expression inner = ParseTuple();
        stream.ExpectOperator(")");
        return inner;
    }

    private List<T> ParseItems<T>(string close, Func<T> parseItem)
    {
        List<T> items = [];
        while (!stream.TakeOperator(close))
        {
            if (items.Count > 0)
            {
                stream.ExpectOperator(",");
                if (stream.TakeOperator(close))
                    break;
            }

            items.Add(parseItem());
        }

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
            if (stream.Current.IsOperator("."))
                value = ParseAttribute(value);
            else if (stream.Current.IsOperator("["))
                value = ParseItem(value);
            else if (stream.Current.IsOperator("("))
                value = new CallExpression(value, ParseArguments(), value.Line);
            else
                return value;
        }
    }

    private Expression ParseAttribute(Expression target)
    {
        int line = stream.Take().Line;
        JinjaToken token = stream.Take();
        return token.Kind switch
        {
            JinjaTokenKind.Name => new AttributeExpression(target, token.Text, line),
            JinjaTokenKind.Integer => new ItemExpression(target, new Literal(ParseInteger(token), line), line),
            _ => throw JinjaException.Syntax("expected name or number", line),
        };
    }

    private ItemExpression ParseItem(Expression target)
    {
        int line = stream.Take().Line;
        Expression index = ParseSubscript();
        if (stream.Current.IsOperator(","))
        {
            List<Expression> items = [index];
            while (stream.TakeOperator(","))
                items.Add(ParseSubscript());
            index = new TupleExpression(items, line);
        }

        stream.ExpectOperator("]");
        return new ItemExpression(target, index, line);
    }

    private Expression ParseSubscript()
    {
        int line = stream.Current.Line;
        Expression? start = stream.Current.IsOperator(":") ? null : ParseExpression();
        if (start is not null && !stream.Current.IsOperator(":"))
            return start;
        Expression?[] parts = [start, null, null];
        for (int i = 1; i < 3 && stream.TakeOperator(":"); i++)
        {
            bool absent = stream.Current.IsOperator(":") || stream.Current.IsOperator("]") || stream.Current.IsOperator(",");
            parts[i] = absent ? null : ParseExpression();
        }

        return new SliceExpression(parts[0], parts[1], parts[2], line);
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (stream.TakeOperator("|"))
                value = ParseFilter(value);
            else if (stream.Current.IsName("is"))
                value = ParseTest(value);
            else if (stream.Current.IsOperator("("))
                value = new CallExpression(value, ParseArguments(), value.Line);
            else
                return value;
        }
    }

    private FilterExpression ParseFilter(Expression? value)
    {
        JinjaToken name = stream.Expect(JinjaTokenKind.Name, "name");
        if (!JinjaFilters.Exists(name.Text))
            throw new JinjaException("TemplateAssertionError", $"No filter named '{name.Text}'; known filters: {JinjaFilters.Names}.", name.Line);
        ArgumentList arguments = stream.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty;
        return new FilterExpression(value, name.Text, arguments, name.Line);
    }

    private Expression ParseTest(Expression value)
    {
        int line = stream.Take().Line;
        bool negated = stream.TakeName("not");
        JinjaToken name = stream.Expect(JinjaTokenKind.Name, "name");
        if (!JinjaTests.Exists(name.Text))
            throw new JinjaException("TemplateAssertionError", $"No test named '{name.Text}'; known tests: {JinjaTests.Names}.", line);
        ArgumentList arguments = ArgumentList.Empty;
        if (stream.Current.IsOperator("("))
            arguments = ParseArguments();
        else if (BeginsTestArgument(stream.Current))
            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], []);
        TestExpression test = new(value, name.Text, arguments, line);
        return negated ? new UnaryExpression("not", test, line) : test;
    }

    private static bool BeginsTestArgument(JinjaToken token) => token.Kind switch
    {
        JinjaTokenKind.Name when token.Text == "is" => throw JinjaException.Syntax("You cannot chain multiple tests with is", token.Line),
        JinjaTokenKind.Name => token.Text is not ("else" or "or" or "and" or "if" or "in" or "not"),
        JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float => true,
        JinjaTokenKind.Operator => token.Text is "[" or "{",
        _ => false,
    };
}
