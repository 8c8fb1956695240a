using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>
/// Evaluates an arithmetic expression exactly, by recursive descent over its tokens:
/// <code>
/// sum     = product (("+" | "-") product)*
/// product = unary (("*" | "/" | "//" | "%") unary)*
/// unary   = ("+" | "-") unary | power
/// power   = primary ("**" unary)?                      so -2**2 is -4 and 2**3**2 is 2**9
/// primary = number | name "(" sum ("," sum)* ")" | "(" sum ")"
/// </code>
/// </summary>
internal sealed class ExpressionParser
{
    public const int MaxLength = 1_000;
    public const int MaxDepth = 64;
    public const int MaxDigits = 1_000;

    private static readonly BigInteger Bound = BigInteger.Pow(10, MaxDigits);

    private readonly List<ExpressionToken> _tokens;
    private int _next;
    private int _depth;

    private ExpressionParser(string expression) => _tokens = ExpressionLexer.Read(expression);

    private ExpressionToken Current => _tokens[_next];

    /// <exception cref="ToolException">The expression is malformed, has no value, or exceeds a limit.</exception>
    public static Rational Evaluate(string expression)
    {
        if (expression.Length > MaxLength)
            throw new ToolException($"The expression has {expression.Length} characters; at most {MaxLength} are allowed.");
        var parser = new ExpressionParser(expression);
        if (parser.Current.Kind == ExpressionTokenKind.End)
            throw new ToolException("The expression is empty.");
        Rational value = parser.Sum();
        if (parser.Current.Kind != ExpressionTokenKind.End)
            throw parser.Expected("an operator");
        return value;
    }

    private Rational Sum()
    {
        Rational value = Product();
        while (Current.Is("+") || Current.Is("-"))
        {
            ExpressionToken symbol = Take();
            Rational right = Product();
            value = Checked(symbol, symbol.Text == "+" ? value + right : value - right);
        }

        return value;
    }

    private Rational Product()
    {
        Rational value = Unary();
        while (Current.Is("*") || Current.Is("/") || Current.Is("//") || Current.Is("%"))
        {
            ExpressionToken symbol = Take();
            value = Checked(symbol, Multiply(symbol, value, Unary()));
        }

        return value;
    }

    private static Rational Multiply(ExpressionToken symbol, Rational left, Rational right)
    {
        if (symbol.Text == "*")
            return left * right;
        if (right.Sign == 0)
            throw DivisionByZero(symbol);
        return symbol.Text switch
        {
            "/" => left / right,
            "//" => (left / right).Floor(),
            _ => left - right * (left / right).Floor(),
        };
    }

    private Rational Unary()
    {
        if (!Current.Is("-") && !Current.Is("+"))
            return Power();
        ExpressionToken symbol = Take();
        Rational value = Nested(Unary);
        return symbol.Text == "-" ? -value : value;
    }

    private Rational Power()
    {
        Rational value = Primary();
        if (!Current.Is("**"))
            return value;
        ExpressionToken symbol = Take();
        return Checked(symbol, Raise(symbol, value, Nested(Unary)));
    }

    private static Rational Raise(ExpressionToken symbol, Rational value, Rational exponent)
    {
        if (!exponent.IsInteger)
            throw new ToolException($"The exponent of '**' at position {symbol.Position} is {NumberText.Format(exponent)}, but must be an integer.");
        if (value.Sign == 0 && exponent.Sign < 0)
            throw DivisionByZero(symbol);
        // 0, 1 and -1 have every power; of any other base the bits grow in proportion, so a result too large is known beforehand.
        if (value.Sign == 0 || value.Abs() == 1)
            return value.Power(exponent.Sign == 0 ? 0 : exponent.Numerator.IsEven ? 2 : 1);
        BigInteger largest = BigInteger.Max(BigInteger.Abs(value.Numerator), value.Denominator);
        if ((largest.GetBitLength() - 1) * BigInteger.Abs(exponent.Numerator) > Bound.GetBitLength())
            throw TooLarge(symbol);
        return value.Power((int)exponent.Numerator);
    }

    private Rational Primary()
    {
        if (Current.Kind == ExpressionTokenKind.Number)
            return Number(Take());
        if (Current.Kind == ExpressionTokenKind.Name)
            return Call(Take());
        if (!Current.Is("("))
            throw Expected("a number");
        Take();
        Rational value = Nested(Sum);
        Require(")");
        return value;
    }

    private Rational Call(ExpressionToken name)
    {
        CalculatorFunction function = CalculatorFunction.Find(name);
        Require("(");
        List<Rational> arguments = [Nested(Sum)];
        while (Current.Is(","))
        {
            Take();
            arguments.Add(Nested(Sum));
        }

        Require(")");
        return Checked(name, function.Apply(name, arguments));
    }

    private static Rational Number(ExpressionToken token)
    {
        int mark = token.Text.AsSpan().IndexOfAny('e', 'E');
        ReadOnlySpan<char> mantissa = mark < 0 ? token.Text : token.Text.AsSpan(0, mark);
        int point = mantissa.IndexOf('.');
        int places = point < 0 ? 0 : mantissa.Length - point - 1;
        string digits = point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..]);
        int exponent = 0;
        if (mark >= 0 && !int.TryParse(token.Text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
            throw TooLarge(token);
        if (Math.Abs((long)exponent) > MaxDigits)
            throw TooLarge(token);
        Rational value = BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        return Checked(token, value * new Rational(10, 1).Power(exponent - places));
    }

    private Rational Nested(Func<Rational> rule)
    {
        if (++_depth > MaxDepth)
            throw new ToolException($"The expression is nested more than {MaxDepth} levels deep at position {Current.Position}.");
        Rational value = rule();
        _depth--;
        return value;
    }

    private ExpressionToken Take() => _tokens[_next++];

    private void Require(string symbol)
    {
        if (!Current.Is(symbol))
            throw Expected($"'{symbol}'");
        _next++;
    }

    private ToolException Expected(string what) => new($"Expected {what} at position {Current.Position}, found {Current.Quoted}.");

    private static ToolException DivisionByZero(ExpressionToken symbol) => new($"Division by zero at position {symbol.Position}.");

    private static ToolException TooLarge(ExpressionToken token) =>
        new($"The result of '{token.Text}' at position {token.Position} has more than {MaxDigits} digits.");

    private static Rational Checked(ExpressionToken token, Rational value) =>
        BigInteger.Abs(value.Numerator) < Bound && value.Denominator < Bound ? value : throw TooLarge(token);
}
