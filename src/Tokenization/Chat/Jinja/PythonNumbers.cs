using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja;

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
            return (long)value;
        return value.GetBitLength() <= MaxBits ? value : throw JinjaException.Limit("an integer is too large");
    }

    public static double ToDouble(object value) => value switch
    {
        double number => number,
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger number => (double)number,
        _ => throw JinjaException.Type($"must be real number, not {PythonText.TypeName(value)}"),
    };

    public static BigInteger ToBigInteger(object value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger number => number,
        _ => throw JinjaException.Type($"'{PythonText.TypeName(value)}' object cannot be interpreted as an integer"),
    };

    /// <summary>An index or count; far beyond any length it is the nearest long.</summary>
    public static long ToLong(object? value) => value switch
    {
        long number => number,
        null => throw JinjaException.Type("'NoneType' object cannot be interpreted as an integer"),
        _ => (long)BigInteger.Clamp(ToBigInteger(value), long.MinValue, long.MaxValue),
    };

    public static int Compare(object left, object right) => IsInteger(left) && IsInteger(right)
        ? ToBigInteger(left).CompareTo(ToBigInteger(right))
        : ToDouble(left).CompareTo(ToDouble(right));

    public static bool AreEqual(object left, object right) => IsInteger(left) && IsInteger(right)
        ? ToBigInteger(left) == ToBigInteger(right)
        : ToDouble(left) == ToDouble(right);

    public static object Negate(object value) => value is double number ? -number : Normalize(-ToBigInteger(value));

    public static object Calculate(string symbol, object left, object right)
    {
        if (symbol is "/" or "//" or "%" && ToDouble(right) == 0)
            throw new JinjaException("ZeroDivisionError", symbol == "/" ? "division by zero" : "integer division or modulo by zero");
        bool integers = IsInteger(left) && IsInteger(right);
        return integers && symbol != "/" && !(symbol == "**" && ToBigInteger(right) < 0)
            ? Normalize(CalculateIntegers(symbol, ToBigInteger(left), ToBigInteger(right)))
            : CalculateFloats(symbol, ToDouble(left), ToDouble(right));
    }

    /// <summary>Python's <c>repr</c> of a float: the shortest digits, an exponent below 1e-4 and from 1e16.</summary>
    public static string FormatFloat(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        (string digits, int exponent) = Digits(value.ToString("R", CultureInfo.InvariantCulture));
        string sign = double.IsNegative(value) ? "-" : "";
        if (digits == "0")
            return sign + "0.0";
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1
            ? $"{sign}{digits}{new string('0', exponent + 1 - digits.Length)}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    private static BigInteger CalculateIntegers(string symbol, BigInteger left, BigInteger right) => symbol switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "//" => FloorDivide(left, right),
        "%" => left - (FloorDivide(left, right) * right),
        "**" when right <= MaxBits && left.GetBitLength() * (long)right <= MaxBits => BigInteger.Pow(left, (int)right),
        _ => throw JinjaException.Limit("an integer is too large"),
    };

    private static double CalculateFloats(string symbol, double left, double right) => symbol switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => Math.Floor(left / right),
        "%" => left - (Math.Floor(left / right) * right),
        _ => Math.Pow(left, right),
    };

    private static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != right.Sign ? quotient - 1 : quotient;
    }

    /// <summary>The significant digits of .NET's shortest form, and the decimal exponent of the first.</summary>
    private static (string Digits, int Exponent) Digits(string shortest)
    {
        string text = shortest.TrimStart('-');
        int exponent = 0;
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        if (mark >= 0)
        {
            exponent = int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..mark];
        }

        int point = text.IndexOf('.', StringComparison.Ordinal);
        string all = point < 0 ? text : text.Remove(point, 1);
        exponent += (point < 0 ? text.Length : point) - 1;
        string significant = all.TrimStart('0');
        exponent -= all.Length - significant.Length;
        significant = significant.TrimEnd('0');
        return significant.Length == 0 ? ("0", 0) : (significant, exponent);
    }
}
