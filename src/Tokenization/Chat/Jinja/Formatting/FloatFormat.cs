using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>The formats of floats that C and Python share.</summary>
/// <param name="Type">One of <c>e E f F g G %</c>; null for Python's own.</param>
/// <param name="Precision">Digits behind the point, or significant digits; 6 where it is null.</param>
/// <param name="Alternate">Keeps the point and trailing zeros.</param>
internal sealed record FloatFormat(char? Type, int? Precision, bool Alternate)
{
    /// <summary>The sign, the digits before the point, and what follows them.</summary>
    public (bool IsNegative, string Digits, string Tail) Format(double value, bool noNegativeZero = false)
    {
        bool isUpper = Type is 'E' or 'F' or 'G';
        bool isNegative = double.IsNegative(value) && !double.IsNaN(value);
        if (!double.IsFinite(value))
        {
            string name = ExactDecimal.NotFinite(Math.Abs(value)) + (Type == '%' ? "%" : "");
            return (isNegative, isUpper ? name.ToUpperInvariant() : name, "");
        }

        string text = Text(value);
        if (isUpper)
            text = text.ToUpperInvariant();
        if (noNegativeZero && !text.AsSpan().ContainsAnyInRange('1', '9'))
            isNegative = false;
        int end = text.AsSpan().IndexOfAny(".eE%");
        return end < 0 ? (isNegative, text, "") : (isNegative, text[..end], text[end..]);
    }

    private string Text(double value)
    {
        switch (Type)
        {
            case 'f' or 'F':
                return Pointed(ExactDecimal.Fixed(value, Precision ?? 6));
            case '%':
                return Pointed(ExactDecimal.Fixed(value * 100, Precision ?? 6)) + "%";
            case 'e' or 'E':
                (string digits, int exponent) = ExactDecimal.Significant(value, (Precision ?? 6) + 1);
                return PointedExponent(ExactDecimal.Scientific(digits, exponent));
            case null when Precision is null:
                return ExactDecimal.Represent(Math.Abs(value));
            case null or 'g' or 'G':
                return General(value);
            default:
                throw JinjaException.Value($"Unknown format code '{Type}' for object of type 'float'");
        }
    }

    /// <summary>An exponent where it is below -4 or needs more digits than asked; Python's own format also keeps one digit behind the point.</summary>
    private string General(double value)
    {
        int significant = Math.Max(1, Precision ?? 6);
        (string digits, int exponent) = ExactDecimal.Significant(value, significant);
        bool isScientific = exponent < -4 || exponent >= (Type is null ? significant - 1 : significant);
        if (!Alternate)
            digits = digits.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0";
        if (isScientific)
            return PointedExponent(ExactDecimal.Scientific(digits, exponent));
        string text = exponent < 0 ? $"0.{new string('0', -exponent - 1)}{digits}"
            : digits.Length <= exponent + 1 ? digits.PadRight(exponent + 1, '0')
            : $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
        if (Type is null && !text.Contains('.', StringComparison.Ordinal))
            return text + ".0";
        return Pointed(text);
    }

    private string Pointed(string text) => Alternate && !text.Contains('.', StringComparison.Ordinal) ? text + "." : text;

    private string PointedExponent(string text) =>
        Alternate && !text.Contains('.', StringComparison.Ordinal) ? text.Insert(text.IndexOf('e', StringComparison.Ordinal), ".") : text;
}
