using System.Globalization;
using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Floats as decimals, rounded as C does: from the exact binary value, and ties to the even digit.</summary>
internal static class ExactDecimal
{
    /// <summary>Python's <c>repr</c> of a float: the shortest digits, an exponent below 1e-4 and from 1e16.</summary>
    public static string Represent(double value)
    {
        if (!double.IsFinite(value))
            return NotFinite(value);
        (string digits, int exponent) = Shortest(value);
        string sign = double.IsNegative(value) ? "-" : "";
        if (exponent is < -4 or >= 16)
            return sign + Scientific(digits, exponent);
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1
            ? $"{sign}{digits}{new string('0', exponent + 1 - digits.Length)}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    public static string NotFinite(double value) => double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";

    /// <summary>As C's <c>%.*f</c>, without the sign.</summary>
    public static string Fixed(double value, int precision)
    {
        string digits = Scaled(value, precision).ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        return precision == 0 ? digits : $"{digits[..^precision]}.{digits[^precision..]}";
    }

    /// <summary>The first <paramref name="count"/> significant digits and the exponent of the first, as C's <c>%.*e</c> rounds them.</summary>
    public static (string Digits, int Exponent) Significant(double value, int count)
    {
        if (value == 0)
            return (new string('0', count), 0);
        int exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)));
        while (true)
        {
            string digits = Scaled(value, count - 1 - exponent).ToString(CultureInfo.InvariantCulture);
            if (digits.Length == count)
                return (digits, exponent);
            exponent += digits.Length - count;
        }
    }

    public static string Scientific(string digits, int exponent)
    {
        string fraction = digits.Length > 1 ? "." + digits[1..] : "";
        return $"{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    /// <summary>Python's <c>round(value, digits)</c> of a float.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || digits > 330)
            return value;
        if (digits < -330)
            return Math.CopySign(0, value);
        BigInteger scaled = Scaled(value, digits);
        double rounded = double.Parse($"{scaled.ToString(CultureInfo.InvariantCulture)}e{-digits}", CultureInfo.InvariantCulture);
        return double.IsInfinity(rounded)
            ? throw new JinjaException("OverflowError", "rounded value too large to represent")
            : Math.CopySign(rounded, value);
    }

    /// <summary>The nearest float of a quotient of integers.</summary>
    public static double Divide(BigInteger left, BigInteger right)
    {
        bool isNegative = left.Sign * right.Sign < 0;
        (left, right) = (BigInteger.Abs(left), BigInteger.Abs(right));
        if (left.IsZero)
            return 0;
        int shift = (int)(right.GetBitLength() - left.GetBitLength()) + 66;
        (BigInteger dividend, BigInteger divisor) = shift >= 0 ? (left << shift, right) : (left, right << -shift);
        BigInteger quotient = BigInteger.DivRem(dividend, divisor, out BigInteger remainder);
        if (!remainder.IsZero)
            quotient |= 1;
        return RoundToDouble(quotient, -shift) * (isNegative ? -1 : 1);
    }

    /// <summary>An integer of at least 65 bits, whose last bit also stands for all that was cut off, times a power of two.</summary>
    private static double RoundToDouble(BigInteger mantissa, int exponent)
    {
        int bits = (int)mantissa.GetBitLength();
        int kept = Math.Min(53, bits + exponent + 1074);
        if (kept < 0)
            return 0;
        int cut = bits - kept;
        BigInteger rounded = RoundShift(mantissa, cut);
        return Math.ScaleB((double)rounded, exponent + cut);
    }

    /// <summary>The absolute value times a power of ten, rounded to an integer.</summary>
    private static BigInteger Scaled(double value, int powerOfTen)
    {
        long bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        int exponent = (int)(bits >> 52);
        BigInteger mantissa = (bits & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52);
        exponent = Math.Max(exponent, 1) - 1075;
        BigInteger ten = BigInteger.Pow(10, Math.Abs(powerOfTen));
        if (powerOfTen >= 0)
        {
            mantissa *= ten;
            return exponent >= 0 ? mantissa << exponent : RoundShift(mantissa, -exponent);
        }

        (BigInteger dividend, BigInteger divisor) = exponent >= 0 ? (mantissa << exponent, ten) : (mantissa, ten << -exponent);
        BigInteger quotient = BigInteger.DivRem(dividend, divisor, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(divisor);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static BigInteger RoundShift(BigInteger value, int bits)
    {
        if (bits == 0)
            return value;
        BigInteger quotient = value >> bits;
        BigInteger rest = value - (quotient << bits);
        int half = rest.CompareTo(BigInteger.One << (bits - 1));
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>The significant digits of the shortest decimal that reads back as the value, and the exponent of the first.</summary>
    private static (string Digits, int Exponent) Shortest(double value)
    {
        string text = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
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
