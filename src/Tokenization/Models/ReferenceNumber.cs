using System.Globalization;

namespace AgentRollout.Tokenization.Models;

/// <summary>
/// Reads numbers of JSON as the reference's reader does: the digits as one integer, rounded to double precision, then multiplied or divided
/// by a power of ten. That is often not the nearest number, and which of two cuts of a word wins may depend on the last bit of a score.
/// </summary>
internal static class ReferenceNumber
{
    private const int LargestPower = 308;

    private static readonly double[] Powers =
        [.. Enumerable.Range(0, LargestPower + 1).Select(power => double.Parse($"1e{power}", CultureInfo.InvariantCulture))];

    /// <param name="json">A number in the grammar of JSON.</param>
    /// <exception cref="TokenizerException">It is beyond double precision.</exception>
    public static double Parse(ReadOnlySpan<byte> json)
    {
        bool isNegative = json[0] == '-';
        ReadOnlySpan<byte> rest = isNegative ? json[1..] : json;
        ulong digits = 0;
        int exponent = ReadDigits(ref rest, ref digits).Dropped;
        if (rest is [(byte)'.', ..])
        {
            rest = rest[1..];
            exponent -= ReadDigits(ref rest, ref digits).Taken;
        }

        if (!rest.IsEmpty)
            exponent = (int)Math.Clamp(exponent + ReadExponent(rest[1..]), int.MinValue / 2, int.MaxValue / 2);
        double value = Scale(digits, exponent);
        if (double.IsInfinity(value))
            throw new TokenizerException($"its score {System.Text.Encoding.UTF8.GetString(json)} is out of range.");
        return isNegative ? -value : value;
    }

    /// <summary>Appends digits as long as they fit; all that follow the first one that does not are dropped.</summary>
    private static (int Taken, int Dropped) ReadDigits(ref ReadOnlySpan<byte> rest, ref ulong digits)
    {
        int taken = 0;
        int dropped = 0;
        for (; rest is [>= (byte)'0' and <= (byte)'9', ..]; rest = rest[1..])
        {
            UInt128 longer = ((UInt128)digits * 10) + (uint)(rest[0] - '0');
            if (dropped > 0 || longer > ulong.MaxValue)
            {
                dropped++;
                continue;
            }

            digits = (ulong)longer;
            taken++;
        }

        return (taken, dropped);
    }

    private static long ReadExponent(ReadOnlySpan<byte> text)
    {
        long exponent = 0;
        foreach (byte digit in text.TrimStart("+-"u8))
            exponent = Math.Min((exponent * 10) + digit - '0', int.MaxValue);
        return text[0] == '-' ? -exponent : exponent;
    }

    private static double Scale(ulong digits, int exponent)
    {
        double value = digits;
        for (; exponent < -LargestPower && value != 0; exponent += LargestPower)
            value /= Powers[LargestPower];
        if (value == 0)
            return 0;
        if (exponent > LargestPower)
            return double.PositiveInfinity;
        return exponent < 0 ? value / Powers[-exponent] : value * Powers[exponent];
    }
}
