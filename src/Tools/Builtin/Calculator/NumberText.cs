using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>
/// Writes a fraction in plain positional notation: an integer in full; a decimal exactly where it ends within
/// <see cref="ExactDigits"/> significant digits; anything else rounded to <see cref="RoundedDigits"/> significant digits,
/// halves away from zero, but never left of the decimal point.
/// </summary>
internal static class NumberText
{
    public const int ExactDigits = 40;
    public const int RoundedDigits = 12;

    public static string Format(Rational value)
    {
        if (value.IsInteger)
            return value.Numerator.ToString(CultureInfo.InvariantCulture);
        return ExactDecimal(value) ?? RoundedDecimal(value);
    }

    private static string? ExactDecimal(Rational value)
    {
        BigInteger rest = value.Denominator;
        int places = Math.Max(RemoveFactor(ref rest, 2), RemoveFactor(ref rest, 5));
        if (!rest.IsOne)
            return null;
        BigInteger scaled = (value * BigInteger.Pow(10, places)).Numerator;
        return CountDigits(scaled) <= ExactDigits ? WithPoint(scaled, places) : null;
    }

    private static string RoundedDecimal(Rational value)
    {
        Rational magnitude = value.Abs();
        // The lengths give the decimal exponent up to one; the comparison settles which.
        int exponent = CountDigits(magnitude.Numerator) - CountDigits(magnitude.Denominator);
        if (magnitude.CompareTo(new Rational(10, 1).Power(exponent)) < 0)
            exponent--;
        int places = Math.Max(0, RoundedDigits - 1 - exponent);
        return WithPoint((value * BigInteger.Pow(10, places)).Round(), places);
    }

    /// <summary>Writes scaled / 10^places without trailing zeros after the point.</summary>
    private static string WithPoint(BigInteger scaled, int places)
    {
        string digits = BigInteger.Abs(scaled).ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        string sign = scaled.Sign < 0 ? "-" : "";
        string fraction = digits[^places..].TrimEnd('0');
        string integer = digits[..^places];
        return fraction.Length == 0 ? sign + integer : $"{sign}{integer}.{fraction}";
    }

    private static int RemoveFactor(ref BigInteger number, int factor)
    {
        int count = 0;
        while ((number % factor).IsZero)
        {
            number /= factor;
            count++;
        }

        return count;
    }

    private static int CountDigits(BigInteger number) => BigInteger.Abs(number).ToString(CultureInfo.InvariantCulture).Length;
}
