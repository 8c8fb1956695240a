using System.Globalization;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters that make numbers.</summary>
internal static class NumberFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["abs"] = (value, arguments, _) => Absolute(value, arguments),
        ["int"] = (value, arguments, _) => ToInteger(value, arguments),
        ["float"] = (value, arguments, _) => ToFloat(value, arguments),
        ["round"] = (value, arguments, _) => Round(value, arguments),
        ["filesizeformat"] = (value, arguments, _) => FormatSize(value, arguments),
    };

    /// <summary>Python's <c>float(text)</c>; null where the text is no number.</summary>
    public static double? ParseFloat(string text)
    {
        string number = TextSplitting.Strip(new PythonString(text), null, left: true, right: true).Text;
        switch (number.TrimStart('+', '-').ToUpperInvariant())
        {
            case "INF" or "INFINITY" when number.Length - number.TrimStart('+', '-').Length <= 1:
                return number[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            case "NAN" when number.Length <= 4:
                return double.NaN;
        }

        if (number.Length == 0 || number.Contains("__", StringComparison.Ordinal) || number[0] == '_' || number[^1] == '_')
            return null;
        for (int i = 0; i < number.Length; i++)
        {
            if (number[i] == '_' && !(char.IsAsciiDigit(number[i - 1]) && char.IsAsciiDigit(number[i + 1])))
                return null;
        }

        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(number.Replace("_", "", StringComparison.Ordinal), Styles, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    private static object Absolute(object? value, Arguments arguments)
    {
        arguments.Bind("abs", 0);
        return value switch
        {
            double number => Math.Abs(number),
            bool or long or BigInteger => PythonNumbers.Normalize(BigInteger.Abs(PythonNumbers.ToBigInteger(value))),
            _ => throw JinjaException.Type($"bad operand type for abs(): '{PythonTypes.Name(value)}'"),
        };
    }

    private static object? ToInteger(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_int", 0, "default", "base");
        PythonOperators.FailIfUndefined(value);
        object? fallback = bound[0] == Arguments.Absent ? Boxed.From(0) : bound[0];
        if (value is PythonString text)
        {
            int radix = bound[1] == Arguments.Absent ? 10 : (int)PythonNumbers.ToLong(bound[1]);
            return (radix is 0 or (>= 2 and <= 36) ? Radix.Parse(text.Text, radix) : null)
                ?? (ParseFloat(text.Text) is { } number && !double.IsNaN(number) ? PythonNumbers.Truncate(number) : fallback);
        }

        return value switch
        {
            double.NaN => fallback,
            double number => PythonNumbers.Truncate(number),
            bool or long or BigInteger => PythonNumbers.Normalize(PythonNumbers.ToBigInteger(value)),
            _ => fallback,
        };
    }

    private static object? ToFloat(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_float", 0, "default");
        PythonOperators.FailIfUndefined(value);
        object? fallback = bound[0] == Arguments.Absent ? 0.0 : bound[0];
        return value switch
        {
            PythonString text => ParseFloat(text.Text) ?? fallback,
            _ when PythonNumbers.IsNumber(value) => PythonNumbers.ToDouble(value!),
            _ => fallback,
        };
    }

    private static object? Round(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_round", 0, "precision", "method");
        object? precision = bound[0] == Arguments.Absent ? Boxed.From(0) : bound[0];
        string method = bound[1] == Arguments.Absent ? "common" : PythonPrinter.ToText(bound[1]).Text;
        if (method is not ("common" or "ceil" or "floor"))
            throw JinjaException.Argument("method must be common, ceil or floor");
        if (method != "common")
            PythonOperators.FailIfUndefined(value);
        if (!PythonNumbers.IsNumber(value))
        {
            throw JinjaException.Type(method == "common"
                ? $"type {PythonTypes.Name(value)} doesn't define __round__ method"
                : value is PythonString or PythonList or PythonTuple ? $"must be real number, not {PythonTypes.Name(value)}"
                : $"unsupported operand type(s) for *: '{PythonTypes.Name(value)}' and 'int'");
        }

        if (method == "common")
            return RoundHalfEven(value!, precision);
        object scale = PythonNumbers.Calculate("**", 10L, precision!);
        double scaled = PythonNumbers.ToDouble(PythonNumbers.Calculate("*", value!, scale));
        object whole = PythonNumbers.Truncate(method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled));
        return PythonNumbers.Calculate("/", whole, scale);
    }

    private static object RoundHalfEven(object value, object? precision)
    {
        if (precision is null)
            return value is double real ? PythonNumbers.Truncate(Math.Round(real, MidpointRounding.ToEven)) : value;
        if (!PythonNumbers.IsInteger(precision))
            throw JinjaException.Type($"'{PythonTypes.Name(precision)}' object cannot be interpreted as an integer");
        long digits = PythonNumbers.ToLong(precision);
        if (value is double number)
            return ExactDecimal.Round(number, (int)Math.Clamp(digits, -1000, 1000));
        BigInteger integer = PythonNumbers.ToBigInteger(value);
        if (digits >= 0)
            return PythonNumbers.Normalize(integer);
        if (-digits > 10_000)
            return Boxed.From(0);
        BigInteger scale = BigInteger.Pow(10, (int)-digits);
        BigInteger quotient = PythonNumbers.FloorDivide(integer, scale);
        int half = ((integer - (quotient * scale)) * 2).CompareTo(scale);
        return PythonNumbers.Normalize((quotient + (half > 0 || (half == 0 && !quotient.IsEven) ? 1 : 0)) * scale);
    }

    private static PythonString FormatSize(object? value, Arguments arguments)
    {
        object? binary = arguments.Bind("do_filesizeformat", 0, "binary")[0];
        bool isBinary = binary != Arguments.Absent && PythonOperators.IsTrue(binary);
        PythonOperators.FailIfUndefined(value);
        double bytes = value is PythonString text
            ? ParseFloat(text.Text) ?? throw JinjaException.Value($"could not convert string to float: {PythonPrinter.Represent(value)}")
            : PythonNumbers.IsNumber(value) ? PythonNumbers.ToDouble(value!)
            : throw JinjaException.Type($"float() argument must be a string or a real number, not '{PythonTypes.Name(value)}'");
        return PythonString.FromContent(FormatSize(bytes, isBinary));
    }

    private static string FormatSize(double bytes, bool isBinary)
    {
        double @base = isBinary ? 1024 : 1000;
        if (bytes == 1)
            return "1 Byte";
        if (bytes < @base)
            return PythonPrinter.Represent(PythonNumbers.Truncate(bytes)) + " Bytes";
        string[] prefixes = isBinary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        double unit = @base;
        string prefix = prefixes[0];
        for (int i = 0; i < prefixes.Length && (i == 0 || bytes >= unit); i++)
        {
            unit *= @base;
            prefix = prefixes[i];
        }

        return $"{ExactDecimal.Fixed(@base * bytes / unit, 1)} {prefix}";
    }
}
