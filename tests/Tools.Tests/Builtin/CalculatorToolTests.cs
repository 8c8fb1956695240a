using System.Globalization;
using System.Numerics;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Builtin.Calculator;
using CsCheck;
using Xunit;

namespace AgentRollout.Tools.Tests.Builtin;

public sealed class CalculatorToolTests
{
    [Theory]
    [InlineData("1 + 2 * 3", "7")]
    [InlineData("(1 + 2) * 3", "9")]
    [InlineData("12.5 * 4", "50")]
    [InlineData("0.1 + 0.2", "0.3")]
    [InlineData("7 / 2", "3.5")]
    [InlineData("-7 // 2", "-4")]
    [InlineData("-7 % 3", "2")]
    [InlineData("7.5 % -2", "-0.5")]
    [InlineData("-2 ** 2", "-4")]
    [InlineData("2 ** 3 ** 2", "512")]
    [InlineData("2^-3", "0.125")]
    [InlineData("--5", "5")]
    [InlineData("3 - -2", "5")]
    [InlineData("0 ** 0", "1")]
    [InlineData("(-1) ** 12345678901234567891", "-1")]
    [InlineData("1.5e3", "1500")]
    [InlineData("25e-4", "0.0025")]
    [InlineData(".5 + 1.", "1.5")]
    [InlineData("6 × 7 ÷ 2 − 1", "20")]
    [InlineData("1 / 3", "0.333333333333")]
    [InlineData("-2 / 3", "-0.666666666667")]
    [InlineData("1 / 3000", "0.000333333333333")]
    [InlineData("999999999999.9 / 3 * 3", "999999999999.9")]
    [InlineData("10 ** 20 / 3", "33333333333333333333")]
    [InlineData("29.9999999999999 / 3", "10")]
    [InlineData("1 / 2 ** 20", "0.00000095367431640625")]
    [InlineData("123456789 * 987654321", "121932631112635269")]
    [InlineData("abs(-3) + min(4, 2, 9) + max(1, 5)", "10")]
    [InlineData("round(2.5) + round(-2.5)", "0")]
    [InlineData("round(3.14159, 2)", "3.14")]
    [InlineData("round(1250, -2)", "1300")]
    [InlineData("floor(-1.5) + ceil(1.2)", "0")]
    [InlineData("sqrt(144)", "12")]
    [InlineData("sqrt(2.25)", "1.5")]
    [InlineData("sqrt(2)", "1.41421356237")]
    [InlineData("sqrt(2) * sqrt(2)", "2")]
    [InlineData("sqrt(2e-500) * 1e250", "1.41421356237")]
    [InlineData("gcd(12, 18, 27)", "3")]
    [InlineData("lcm(4, 6)", "12")]
    public void Evaluates_exactly(string expression, string expected) => Assert.Equal(expected, CalculatorTool.Evaluate(expression));

    [Theory]
    [InlineData("", "The expression is empty.")]
    [InlineData("  ", "The expression is empty.")]
    [InlineData("(2+)", "Expected a number at position 4, found ')'.")]
    [InlineData("2 +", "Expected a number at position 4, found the end.")]
    [InlineData("(1 + 2", "Expected ')' at position 7, found the end.")]
    [InlineData("2(3)", "Expected an operator at position 2, found '('.")]
    [InlineData("2 + 2 =", "Expected an operator at position 7, found '='.")]
    [InlineData("1,000", "Expected an operator at position 2, found ','.")]
    [InlineData("2 😀 3", "Expected an operator at position 3, found '😀'.")]
    [InlineData("1 / 0", "Division by zero at position 3.")]
    [InlineData("5 % (3 - 3)", "Division by zero at position 3.")]
    [InlineData("0 ** -1", "Division by zero at position 3.")]
    [InlineData("4 ** 0.5", "The exponent of '**' at position 3 is 0.5, but must be an integer.")]
    [InlineData("9**9**9", "The result of '**' at position 2 has more than 1000 digits.")]
    [InlineData("9**-9**9", "The result of '**' at position 2 has more than 1000 digits.")]
    [InlineData("1e9999", "The result of '1e9999' at position 1 has more than 1000 digits.")]
    [InlineData("1e99999999999999999999", "The result of '1e99999999999999999999' at position 1 has more than 1000 digits.")]
    [InlineData("sqrt", "Expected '(' at position 5, found the end.")]
    [InlineData("sin(1)", "Function 'sin' at position 1 is unknown; known functions: abs, ceil, floor, gcd, lcm, max, min, round, sqrt.")]
    [InlineData("sqrt(-4)", "Function 'sqrt' at position 1 takes no negative number, found -4.")]
    [InlineData("gcd(1.5, 2)", "Function 'gcd' at position 1 takes integers, found 1.5.")]
    [InlineData("abs(1, 2)", "Function 'abs' at position 1 takes 1 argument(s), found 2.")]
    [InlineData("abs()", "Expected a number at position 5, found ')'.")]
    public void Says_what_is_wrong_and_where(string expression, string expected) =>
        Assert.Equal(expected, Assert.Throws<ToolException>(() => CalculatorTool.Evaluate(expression)).Message);

    [Fact]
    public void Refuses_what_is_too_long_or_too_deep()
    {
        Assert.Equal("The expression has 1001 characters; at most 1000 are allowed.", ErrorOf(new string('1', 1_001)));
        Assert.Equal("The expression is nested more than 64 levels deep at position 66.", ErrorOf(new string('(', 500)));
        Assert.Equal("The expression is nested more than 64 levels deep at position 66.", ErrorOf(new string('-', 500) + "1"));
    }

    /// <summary>The oracle computes with BigInteger fractions while the text is made, so nothing is parsed twice.</summary>
    [Fact]
    public void Random_expressions_have_the_value_they_were_built_from()
    {
        var random = new Random(20260101);
        for (int i = 0; i < 5_000; i++)
        {
            (string text, BigInteger n, BigInteger d) = RandomExpression(random, random.Next(5));
            BigInteger divisor = BigInteger.GreatestCommonDivisor(n, d) * d.Sign;
            (n, d) = (n / divisor, d / divisor);
            Rational actual = ExpressionParser.Evaluate(text);
            Assert.True(actual.Numerator == n && actual.Denominator == d, $"{text} = {actual.Numerator}/{actual.Denominator}, not {n}/{d}");
        }
    }

    [Fact]
    public void Decimal_sums_and_products_agree_with_the_framework() =>
        Gen.Select(Gen.Decimal[-100_000m, 100_000m], Gen.Decimal[-100_000m, 100_000m]).Sample((x, y) =>
        {
            decimal a = Math.Round(x, 6), b = Math.Round(y, 6);
            Assert.Equal(a + b, Parsed(string.Create(CultureInfo.InvariantCulture, $"{a} + {b}")));
            Assert.Equal(a - b, Parsed(string.Create(CultureInfo.InvariantCulture, $"{a} - {b}")));
            Assert.Equal(a * b, Parsed(string.Create(CultureInfo.InvariantCulture, $"{a} * {b}")));
        });

    [Fact]
    public void Rounded_quotients_are_within_half_a_unit_of_their_twelfth_digit() =>
        Gen.Select(Gen.Long[1, 1_000_000_000_000], Gen.Long[1, 1_000_000_000_000]).Sample((n, d) =>
        {
            double shown = double.Parse(CalculatorTool.Evaluate($"{n} / {d}"), CultureInfo.InvariantCulture);
            Assert.InRange(Math.Abs(shown / ((double)n / d) - 1), 0, 5.1e-12);
        });

    [Fact]
    public void Any_text_gives_a_number_or_one_sentence() =>
        Gen.Char["0123456789+-*/%^()., eabsqrtmaxround😀\"\0é"].Array[0, 40].Select(characters => new string(characters)).Sample(text =>
        {
            try
            {
                Assert.Matches(@"^-?\d+(\.\d+)?$", CalculatorTool.Evaluate(text));
            }
            catch (ToolException error)
            {
                Assert.EndsWith(".", error.Message);
            }
        });

    [Fact]
    public void The_culture_changes_nothing()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo("sv-SE") { NumberFormat = { NegativeSign = "−", NumberDecimalSeparator = "," } };
        try
        {
            Assert.Equal("-0.75", CalculatorTool.Evaluate("1.5 / -2"));
            Assert.Equal("-3", CalculatorTool.Evaluate("4 - 7"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static string ErrorOf(string expression) => Assert.Throws<ToolException>(() => CalculatorTool.Evaluate(expression)).Message;

    private static decimal Parsed(string expression) => decimal.Parse(CalculatorTool.Evaluate(expression), CultureInfo.InvariantCulture);

    private static (string Text, BigInteger Numerator, BigInteger Denominator) RandomExpression(Random random, int depth)
    {
        if (depth == 0)
        {
            int places = random.Next(3);
            int digits = random.Next(10_000);
            return (string.Create(CultureInfo.InvariantCulture, $"{(decimal)digits / (decimal)Math.Pow(10, places)}"), digits, BigInteger.Pow(10, places));
        }

        (string a, BigInteger an, BigInteger ad) = RandomExpression(random, depth - 1);
        (string b, BigInteger bn, BigInteger bd) = RandomExpression(random, depth - 1);
        return random.Next(bn.IsZero ? 4 : 5) switch
        {
            0 => ($"({a}) + ({b})", an * bd + bn * ad, ad * bd),
            1 => ($"({a}) - ({b})", an * bd - bn * ad, ad * bd),
            2 => ($"({a}) * ({b})", an * bn, ad * bd),
            3 => ($"-({a})", -an, ad),
            _ => ($"({a}) / ({b})", an * bd, ad * bn),
        };
    }
}
