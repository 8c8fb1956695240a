using System.Collections.Frozen;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The functions that every template has: Jinja's, and those that transformers adds.</summary>
internal static class JinjaGlobals
{
    public static readonly FrozenDictionary<string, object?> All = new Dictionary<string, object?>
    {
        ["range"] = new GlobalFunction("function", null, (arguments, _) => Range(arguments)),
        ["dict"] = new GlobalFunction("type", "<class 'dict'>", (arguments, _) => Dict("dict", arguments)),
        ["namespace"] = new GlobalFunction("type", "<class 'jinja2.utils.Namespace'>", (arguments, _) => new JinjaNamespace(Dict("dict", arguments))),
        ["cycler"] = new GlobalFunction("type", "<class 'jinja2.utils.Cycler'>", (arguments, _) => Cycle(arguments)),
        ["joiner"] = new GlobalFunction("type", "<class 'jinja2.utils.Joiner'>", (arguments, _) => Join(arguments)),
        ["lipsum"] = new GlobalFunction("function", null, (_, _) => throw JinjaException.Unsupported("The random text of 'lipsum'")),
        ["raise_exception"] = new GlobalFunction("function", null, (arguments, _) => throw Raise(arguments)),
        ["strftime_now"] = new GlobalFunction("function", null, FormatNow),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Python's <c>dict(…)</c>.</summary>
    public static PythonDict Dict(string callee, Arguments arguments)
    {
        if (arguments.Positional.Length > 1)
            throw JinjaException.Type($"{callee} expected at most 1 argument, got {arguments.Positional.Length}");
        PythonDict dict = arguments.Positional is [var source] ? FromSource(source) : new PythonDict();
        for (int i = 0; i < arguments.Names.Length; i++)
            dict.Set(new PythonString(arguments.Names[i]), arguments.Values[i]);
        return dict;
    }

    private static PythonDict FromSource(object? source)
    {
        PythonOperators.FailIfUndefined(source is JinjaUndefined ? null : source);
        if (source is PythonDict entries)
            return entries.Copy();
        PythonDict dict = new();
        int index = 0;
        foreach (object? pair in Iteration.Over(source))
        {
            if (!Iteration.IsIterable(pair))
                throw JinjaException.Type($"cannot convert dictionary update sequence element #{index} to a sequence");
            IReadOnlyList<object?> parts = Iteration.Items(pair);
            if (parts.Count != 2)
                throw JinjaException.Value($"dictionary update sequence element #{index} has length {parts.Count}; 2 is required");
            dict.Set(parts[0], parts[1]);
            index++;
        }

        return dict;
    }

    private static PythonRange Range(Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("range", 1, 3);
        long first = Integer(bound[0]);
        if (bound[1] == Arguments.Absent)
            return new PythonRange(0, first, 1);
        return new PythonRange(first, Integer(bound[1]), bound[2] == Arguments.Absent ? 1 : Integer(bound[2]));
    }

    private static long Integer(object? value) => PythonNumbers.IsInteger(value)
        ? PythonNumbers.ToLong(value)
        : throw JinjaException.Type($"'{PythonTypes.Name(value)}' object cannot be interpreted as an integer");

    private static Cycler Cycle(Arguments arguments)
    {
        if (arguments.Names.Length > 0)
            throw JinjaException.Type($"Cycler.__init__() got an unexpected keyword argument '{arguments.Names[0]}'");
        return arguments.Positional.Length > 0
            ? new Cycler(arguments.Positional)
            : throw new JinjaException("RuntimeError", "at least one item has to be provided");
    }

    private static Joiner Join(Arguments arguments)
    {
        object? separator = arguments.Bind("Joiner.__init__", 0, "sep")[0];
        return new Joiner(separator == Arguments.Absent ? new PythonString(", ") : separator);
    }

    private static JinjaException Raise(Arguments arguments) =>
        new("TemplateError", PythonPrinter.ToText(arguments.Bind("raise_exception", 1, "message")[0]).Text);

    private static PythonString FormatNow(Arguments arguments, Renderer renderer)
    {
        object? format = arguments.Bind("strftime_now", 1, "format")[0];
        return format is PythonString text
            ? text.Derive(PythonTime.Format(renderer.Clock.GetLocalNow(), text.Text))
            : throw JinjaException.Type($"strftime() argument 1 must be str, not {PythonTypes.Name(format)}");
    }
}
