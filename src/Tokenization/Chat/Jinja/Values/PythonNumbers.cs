using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's arithmetic: integers without limit, true division, and the sign of <c>//</c> and <c>%</c>.</summary>
internal static class PythonNumbers
{
    /// <summary>A template has no use for numbers of more digits, which only eat time and memory.</summary>
    private const int MaxBits = 100_000;

    public static bool IsNumber(object? value) => value is long or BigInteger or double or bool;

    public static bool IsInteger(object? value) => value is long or BigInteger or bool;

    public static object Normalize(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
            return Boxed.From((long)value);
        return value.GetBitLength() <= MaxBits ? value : throw JinjaException.Limit("an integer is too large");
    }

    public static double ToDouble(object value) => value switch
    {
        BigInteger number when double.IsInfinity((double)number) => throw new JinjaException("OverflowError", "int too large to convert to float"),
        bool or long or double or BigInteger => ToNearestDouble(value),
        _ => throw JinjaException.Type($"must be real number, not {PythonTypes.Name(value)}"),
    };

    /// <summary>As <see cref="ToDouble"/>, but infinite where the number is too large.</summary>
    public static double ToNearestDouble(object value) => value switch
    {
        double number => number,
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => (double)(BigInteger)value,
    };

    public static BigInteger ToBigInteger(object value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger number => number,
        _ => throw JinjaException.Type($"'{PythonTypes.Name(value)}' object cannot be interpreted as an integer"),
    };

    /// <summary>An index or count; far beyond any length it is the nearest long.</summary>
    public static long ToLong(object? value) => value switch
    {
        long number => number,
        JinjaUndefined undefined => throw undefined.Error,
        null => throw JinjaException.Type("'NoneType' object cannot be interpreted as an integer"),
        _ => (long)BigInteger.Clamp(ToBigInteger(value), long.MinValue, long.MaxValue),
    };

    /// <summary>The order of two numbers; null where one is not a number (NaN). Exact also between large integers and floats.</summary>
    public static int? Compare(object left, object right)
    {
        if (left is long a && right is long b)
            return a.CompareTo(b);
        if (IsInteger(left) && IsInteger(right))
            return ToBigInteger(left).CompareTo(ToBigInteger(right));
        if (left is double x && right is double y)
            return double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y);
        return left is double ? -CompareWithFloat(right, (double)left) : CompareWithFloat(left, (double)right);
    }

    public static object Negate(object value) => value switch
    {
        double number => -number,
        long number when number != long.MinValue => Boxed.From(-number),
        _ => Normalize(-ToBigInteger(value)),
    };

    public static object Calculate(string symbol, object left, object right)
    {
        if (left is long a && right is long b && (symbol == "+" || symbol == "-"))
        {
            Int128 sum = symbol == "+" ? (Int128)a + b : (Int128)a - b;
            if (sum >= long.MinValue && sum <= long.MaxValue)
                return Boxed.From((long)sum);
        }

        bool integers = IsInteger(left) && IsInteger(right);
        if (symbol is "/" or "//" or "%" && ToNearestDouble(right) == 0)
            throw new JinjaException("ZeroDivisionError", ZeroDivision(symbol, integers));
        if (integers && symbol == "/")
            return Divide(ToBigInteger(left), ToBigInteger(right));
        return integers && !(symbol == "**" && ToBigInteger(right) < 0)
            ? Normalize(CalculateIntegers(symbol, ToBigInteger(left), ToBigInteger(right)))
            : CalculateFloats(symbol, ToDouble(left), ToDouble(right));
    }

    /// <summary>Python's <c>int</c> of a float.</summary>
    public static object Truncate(double number)
    {
        if (double.IsNaN(number))
            throw JinjaException.Value("cannot convert float NaN to integer");
        if (double.IsInfinity(number))
            throw new JinjaException("OverflowError", "cannot convert float infinity to integer");
        return Normalize(new BigInteger(Math.Truncate(number)));
    }

    public static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != right.Sign ? quotient - 1 : quotient;
    }

    private static int? CompareWithFloat(object integer, double number)
    {
        if (double.IsNaN(number))
            return null;
        if (double.IsInfinity(number))
            return number > 0 ? -1 : 1;
        double floor = Math.Floor(number);
        int order = ToBigInteger(integer).CompareTo(new BigInteger(floor));
        return order == 0 && number > floor ? -1 : order;
    }

    private static string ZeroDivision(string symbol, bool integers) => (symbol, integers) switch
    {
        ("/", true) => "division by zero",
        ("/", false) => "float division by zero",
        ("//", true) => "integer division or modulo by zero",
        ("//", false) => "float floor division by zero",
        (_, true) => "integer modulo by zero",
        _ => "float modulo",
    };

    private static double Divide(BigInteger left, BigInteger right)
    {
        double quotient = BigInteger.Abs(left) <= 1L << 53 && BigInteger.Abs(right) <= 1L << 53
            ? (double)left / (double)right
            : ExactDecimal.Divide(left, right);
        return double.IsInfinity(quotient) ? throw new JinjaException("OverflowError", "integer division result too large for a float") : quotient;
    }

    private static BigInteger CalculateIntegers(string symbol, BigInteger left, BigInteger right) => symbol switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "//" => FloorDivide(left, right),
        "%" => left - (FloorDivide(left, right) * right),
        "**" when BigInteger.Abs(left) <= 1 => left.IsOne || right.IsZero ? 1 : left.IsZero ? 0 : right.IsEven ? 1 : -1,
        "**" when right <= MaxBits && left.GetBitLength() * (long)right <= MaxBits => BigInteger.Pow(left, (int)right),
        _ => throw JinjaException.Limit("an integer is too large"),
    };

    private static double CalculateFloats(string symbol, double left, double right)
    {
        switch (symbol)
        {
            case "+": return left + right;
            case "-": return left - right;
            case "*": return left * right;
            case "/": return left / right;
            case "//": return FloorDivide(left, right);
            case "%": return Modulo(left, right);
            default: return Power(left, right);
        }
    }

    private static double Modulo(double left, double right)
    {
        double remainder = left % right;
        if (remainder == 0)
            return Math.CopySign(0, right);
        return (remainder < 0) != (right < 0) ? remainder + right : remainder;
    }

    private static double FloorDivide(double left, double right)
    {
        double remainder = left % right;
        double quotient = (left - remainder) / right;
        if (remainder != 0 && (remainder < 0) != (right < 0))
            quotient -= 1;
        if (quotient == 0)
            return Math.CopySign(0, left / right);
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double Power(double left, double right)
    {
        if (left == 0 && right < 0)
            throw new JinjaException("ZeroDivisionError", "0.0 cannot be raised to a negative power");
        if (left < 0 && double.IsFinite(left) && double.IsFinite(right) && right != Math.Floor(right))
            throw JinjaException.Unsupported("A complex number");
        double power = Math.Pow(left, right);
        return double.IsInfinity(power) && double.IsFinite(left) && double.IsFinite(right)
            ? throw new JinjaException("OverflowError", "(34, 'Numerical result out of range')")
            : power;
    }
}
