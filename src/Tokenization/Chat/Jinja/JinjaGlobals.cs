using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The functions that every template has: Jinja's <c>range</c>, <c>dict</c>, <c>namespace</c>, and those of transformers.</summary>
internal static class JinjaGlobals
{
    public static void AddTo(JinjaScope scope, TimeProvider clock)
    {
        Add(scope, "range", Range);
        Add(scope, "dict", arguments => Dict("dict", arguments));
        Add(scope, "namespace", arguments => new JinjaNamespace(Dict("namespace", arguments)));
        Add(scope, "raise_exception", arguments =>
            throw new JinjaException("TemplateError", PythonText.Print(arguments.Bind("raise_exception", 1, "message")[0])));
        Add(scope, "strftime_now", arguments =>
            FormatTime(clock.GetLocalNow(), PythonText.Print(arguments.Bind("strftime_now", 1, "format")[0])));
    }

    private static void Add(JinjaScope scope, string name, Func<CallArguments, object?> function) =>
        scope.Set(name, new JinjaFunction(name, function));

    private static PythonRange Range(CallArguments arguments)
    {
        object?[] bound = arguments.Bind("range", 1, "start", "stop", "step");
        long first = PythonNumbers.ToLong(bound[0]);
        if (bound[1] == CallArguments.Absent)
            return new PythonRange(0, first, 1);
        return new PythonRange(first, PythonNumbers.ToLong(bound[1]), bound[2] == CallArguments.Absent ? 1 : PythonNumbers.ToLong(bound[2]));
    }

    private static PythonDict Dict(string callee, CallArguments arguments)
    {
        PythonDict dict = [];
        if (arguments.Positional.Count > 1)
            throw JinjaException.Type($"{callee} expected at most 1 argument, got {arguments.Positional.Count}");
        if (arguments.Positional is [var source])
        {
            if (source is not PythonDict entries)
                throw JinjaException.Unsupported($"{callee}() of a {PythonText.TypeName(source)}");
            foreach ((object key, object? value) in entries)
                dict[PythonDict.KeyValue(key)] = value;
        }

        foreach ((string name, object? value) in arguments.Keyword)
            dict[name] = value;
        return dict;
    }

    /// <summary>Python's <c>strftime</c> in the C locale.</summary>
    private static string FormatTime(DateTimeOffset now, string format)
    {
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            char directive = format[++i];
            bool padded = directive != '-' || i + 1 == format.Length;
            string field = Field(now, padded ? directive : format[++i]);
            text.Append(padded ? field : field.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0");
        }

        return text.ToString();
    }

    private static string Field(DateTimeOffset now, char directive) => directive switch
    {
        'Y' => now.ToString("yyyy", CultureInfo.InvariantCulture),
        'y' => now.ToString("yy", CultureInfo.InvariantCulture),
        'm' => now.ToString("MM", CultureInfo.InvariantCulture),
        'd' => now.ToString("dd", CultureInfo.InvariantCulture),
        'H' => now.ToString("HH", CultureInfo.InvariantCulture),
        'I' => now.ToString("hh", CultureInfo.InvariantCulture),
        'M' => now.ToString("mm", CultureInfo.InvariantCulture),
        'S' => now.ToString("ss", CultureInfo.InvariantCulture),
        'p' => now.Hour < 12 ? "AM" : "PM",
        'B' => now.ToString("MMMM", CultureInfo.InvariantCulture),
        'b' => now.ToString("MMM", CultureInfo.InvariantCulture),
        'A' => now.ToString("dddd", CultureInfo.InvariantCulture),
        'a' => now.ToString("ddd", CultureInfo.InvariantCulture),
        'j' => now.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'F' => now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        'T' => now.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        '%' => "%",
        _ => throw JinjaException.Unsupported($"The time directive '%{directive}'"),
    };
}
