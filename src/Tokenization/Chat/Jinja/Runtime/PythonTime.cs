using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>Python's <c>strftime</c> of a time without zone, in the C locale, as on Linux.</summary>
internal static class PythonTime
{
    public static string Format(DateTimeOffset now, string format)
    {
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            char flag = format[i + 1] is '-' or '_' or '0' or '^' or '#' && i + 2 < format.Length ? format[++i] : '\0';
            text.Append(Flagged(Field(now, format[++i]), flag, format[i]));
        }

        return text.ToString();
    }

    private static string Flagged(string field, char flag, char directive) => flag switch
    {
        '-' => Unpadded(field) is { Length: > 0 } digits ? digits : "0",
        '_' => field.Length > 1 && Unpadded(field) is var digits ? (digits.Length == 0 ? "0" : digits).PadLeft(field.Length) : field,
        '0' => field.Replace(' ', '0'),
        '^' => field.ToUpperInvariant(),
        '#' => directive == 'p' ? field.ToLowerInvariant() : field.ToUpperInvariant(),
        _ => field,
    };

    private static string Unpadded(string field) => field.TrimStart('0', ' ');

    private static string Field(DateTimeOffset now, char directive) => directive switch
    {
        'a' => Invariant(now, "ddd"),
        'A' => Invariant(now, "dddd"),
        'b' or 'h' => Invariant(now, "MMM"),
        'B' => Invariant(now, "MMMM"),
        'c' => $"{Invariant(now, "ddd MMM")} {now.Day,2} {Invariant(now, "HH:mm:ss yyyy")}",
        'C' => (now.Year / 100).ToString("00", CultureInfo.InvariantCulture),
        'd' => Invariant(now, "dd"),
        'D' or 'x' => Invariant(now, "MM/dd/yy"),
        'e' => $"{now.Day,2}",
        'f' => Invariant(now, "ffffff"),
        'F' => Invariant(now, "yyyy-MM-dd"),
        'g' => (ISOWeek.GetYear(now.DateTime) % 100).ToString("00", CultureInfo.InvariantCulture),
        'G' => ISOWeek.GetYear(now.DateTime).ToString("0000", CultureInfo.InvariantCulture),
        'H' => Invariant(now, "HH"),
        'I' => Invariant(now, "hh"),
        'j' => now.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'k' => $"{now.Hour,2}",
        'l' => $"{(now.Hour + 11) % 12 + 1,2}",
        'm' => Invariant(now, "MM"),
        'M' => Invariant(now, "mm"),
        'n' => "\n",
        'p' => now.Hour < 12 ? "AM" : "PM",
        'P' => now.Hour < 12 ? "am" : "pm",
        'r' => Invariant(now, "hh:mm:ss ") + (now.Hour < 12 ? "AM" : "PM"),
        'R' => Invariant(now, "HH:mm"),
        's' => now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        'S' => Invariant(now, "ss"),
        't' => "\t",
        'T' or 'X' => Invariant(now, "HH:mm:ss"),
        'u' => (((int)now.DayOfWeek + 6) % 7 + 1).ToString(CultureInfo.InvariantCulture),
        'U' => ((now.DayOfYear + 6 - (int)now.DayOfWeek) / 7).ToString("00", CultureInfo.InvariantCulture),
        'V' => ISOWeek.GetWeekOfYear(now.DateTime).ToString("00", CultureInfo.InvariantCulture),
        'w' => ((int)now.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'W' => ((now.DayOfYear + 6 - (((int)now.DayOfWeek + 6) % 7)) / 7).ToString("00", CultureInfo.InvariantCulture),
        'y' => Invariant(now, "yy"),
        'Y' => now.Year.ToString(CultureInfo.InvariantCulture),
        'z' or 'Z' => "",
        '%' => "%",
        _ => "%" + directive,
    };

    private static string Invariant(DateTimeOffset now, string format) => now.ToString(format, CultureInfo.InvariantCulture);
}
