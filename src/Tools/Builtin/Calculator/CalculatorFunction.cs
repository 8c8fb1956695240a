using System.Collections.Frozen;
using System.Numerics;

namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>A function that expressions may call.</summary>
internal sealed class CalculatorFunction
{
    /// <summary>Digits that an irrational root is computed to: more than are ever printed, so that products of roots round right.</summary>
    private const int RootDigits = 60;

    private static readonly FrozenDictionary<string, CalculatorFunction> Known = new Dictionary<string, CalculatorFunction>
    {
        ["abs"] = new(1, 1, (_, x) => x[0].Abs()),
        ["ceil"] = new(1, 1, (_, x) => -(-x[0]).Floor()),
        ["floor"] = new(1, 1, (_, x) => x[0].Floor()),
        ["gcd"] = new(2, int.MaxValue, (name, x) => x.Select(value => Integer(name, value)).Aggregate(BigInteger.GreatestCommonDivisor)),
        ["lcm"] = new(2, int.MaxValue, (name, x) => x.Select(value => Integer(name, value)).Aggregate(LeastCommonMultiple)),
        ["max"] = new(1, int.MaxValue, (_, x) => x.Max()),
        ["min"] = new(1, int.MaxValue, (_, x) => x.Min()),
        ["round"] = new(1, 2, Round),
        ["sqrt"] = new(1, 1, SquareRoot),
    }.ToFrozenDictionary();

    private readonly int _minArguments;
    private readonly int _maxArguments;
    private readonly Func<ExpressionToken, List<Rational>, Rational> _body;

    private CalculatorFunction(int minArguments, int maxArguments, Func<ExpressionToken, List<Rational>, Rational> body)
    {
        _minArguments = minArguments;
        _maxArguments = maxArguments;
        _body = body;
    }

    public static CalculatorFunction Find(ExpressionToken name) =>
        Known.TryGetValue(name.Text, out CalculatorFunction? function)
            ? function
            : throw new ToolException(
                $"Function '{name.Text}' at position {name.Position} is unknown; known functions: {string.Join(", ", Known.Keys.Order(StringComparer.Ordinal))}.");

    public Rational Apply(ExpressionToken name, List<Rational> arguments)
    {
        if (arguments.Count >= _minArguments && arguments.Count <= _maxArguments)
            return _body(name, arguments);
        string wanted = _maxArguments == _minArguments ? $"{_minArguments}"
            : _maxArguments == int.MaxValue ? $"at least {_minArguments}"
            : $"{_minArguments} or {_maxArguments}";
        throw new ToolException($"Function '{name.Text}' at position {name.Position} takes {wanted} argument(s), found {arguments.Count}.");
    }

    private static Rational Round(ExpressionToken name, List<Rational> arguments)
    {
        if (arguments.Count == 1)
            return arguments[0].Round();
        BigInteger places = Integer(name, arguments[1]);
        if (BigInteger.Abs(places) > ExpressionParser.MaxDigits)
            throw new ToolException($"Function 'round' at position {name.Position} takes at most {ExpressionParser.MaxDigits} places, found {places}.");
        Rational scale = new Rational(10, 1).Power((int)places);
        return (arguments[0] * scale).Round() / scale;
    }

    private static Rational SquareRoot(ExpressionToken name, List<Rational> arguments)
    {
        Rational value = arguments[0];
        if (value.Sign < 0)
            throw new ToolException($"Function 'sqrt' at position {name.Position} takes no negative number, found {NumberText.Format(value)}.");
        var exact = new Rational(FloorSquareRoot(value.Numerator), FloorSquareRoot(value.Denominator));
        if (exact * exact == value)
            return exact;
        // A root is at least 10^(-half the digits of the denominator), so these places hold its leading digits.
        int places = RootDigits + (int)value.Denominator.GetBitLength() / 6;
        BigInteger radicand = (value * BigInteger.Pow(10, 2 * places)).Floor();
        return new Rational(FloorSquareRoot(radicand), BigInteger.Pow(10, places));
    }

    /// <summary>Newton's iteration from above, which ends at the floor of the root.</summary>
    private static BigInteger FloorSquareRoot(BigInteger value)
    {
        if (value.IsZero)
            return value;
        BigInteger root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (root + value / root) >> 1;
            if (next >= root)
                return root;
            root = next;
        }
    }

    private static BigInteger LeastCommonMultiple(BigInteger a, BigInteger b) =>
        a.IsZero || b.IsZero ? BigInteger.Zero : BigInteger.Abs(a / BigInteger.GreatestCommonDivisor(a, b) * b);

    private static BigInteger Integer(ExpressionToken name, Rational value) =>
        value.IsInteger
            ? value.Numerator
            : throw new ToolException($"Function '{name.Text}' at position {name.Position} takes integers, found {NumberText.Format(value)}.");
}
