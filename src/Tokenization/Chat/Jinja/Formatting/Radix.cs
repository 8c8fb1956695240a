using System.Numerics;
using System.Text;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>Digits of integers.</summary>
internal static class Radix
{
    /// <summary>The digits of the absolute value to a base of two to the power of <paramref name="bits"/>.</summary>
    public static string Digits(BigInteger number, int bits)
    {
        number = BigInteger.Abs(number);
        if (number.IsZero)
            return "0";
        StringBuilder digits = new();
        int mask = (1 << bits) - 1;
        for (; !number.IsZero; number >>= bits)
            digits.Insert(0, "0123456789abcdef"[(int)(number & mask)]);
        return digits.ToString();
    }

    /// <summary>The character with a code.</summary>
    public static string Character(BigInteger code)
    {
        if (code < 0 || code > 0x10FFFF)
            throw new JinjaException("OverflowError", "%c arg not in range(0x110000)");
        int value = (int)code;
        return value is >= 0xD800 and <= 0xDFFF ? ((char)value).ToString() : char.ConvertFromUtf32(value);
    }

    /// <summary>Puts separators between groups of digits, and zeros with separators before them up to a width.</summary>
    public static string Group(string digits, char separator, int size, int width)
    {
        StringBuilder grouped = new();
        int count = 0;
        for (int i = digits.Length - 1; i >= 0 || grouped.Length < width; i--)
        {
            if (count > 0 && count % size == 0)
                grouped.Insert(0, separator);
            grouped.Insert(0, i >= 0 ? digits[i] : '0');
            count++;
        }

        return grouped.ToString();
    }

    /// <summary>Python's <c>int(text, radix)</c>; null where the text is no such number.</summary>
    public static object? Parse(string text, int radix)
    {
        string digits = TextSplitting.Strip(new PythonString(text), null, left: true, right: true).Text;
        bool isNegative = digits.StartsWith('-');
        if (digits.Length > 0 && digits[0] is '+' or '-')
            digits = digits[1..];
        int prefixed = digits.Length > 2 && digits[0] == '0' ? (digits[1] | 0x20) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        bool hadPrefix = prefixed > 0 && (radix == 0 || radix == prefixed);
        if (hadPrefix)
            digits = digits[2..].TrimStart('_');
        if (radix == 0)
            radix = hadPrefix ? prefixed : 10;
        if (digits.Length == 0 || digits[^1] == '_' || (digits[0] == '_' && !hadPrefix) || digits.Contains("__", StringComparison.Ordinal))
            return null;
        JinjaLimits.CheckLength(digits.Length * 1000L);
        BigInteger value = 0;
        foreach (Rune digit in digits.EnumerateRunes())
        {
            if (digit.Value == '_')
                continue;
            int number = char.IsAsciiLetter((char)Math.Min(digit.Value, 0xFFFF)) ? (digit.Value | 0x20) - 'a' + 10 : DecimalValue(digit);
            if (number < 0 || number >= radix)
                return null;
            value = (value * radix) + number;
        }

        return PythonNumbers.Normalize(isNegative ? -value : value);
    }

    private static int DecimalValue(Rune digit) =>
        Unicode.IsDecimal(digit.Value) ? (int)Rune.GetNumericValue(digit) : -1;
}
