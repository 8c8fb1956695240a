using System.Collections.Frozen;
using System.Text;
using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>The methods of Python's <c>str</c>.</summary>
internal static class StringMethods
{
    /// <summary>Of Markup, these escape the strings that they are given.</summary>
    private static readonly FrozenSet<string> _escaping = FrozenSet.Create(
        "capitalize", "title", "lower", "upper", "replace", "ljust", "rjust", "lstrip", "rstrip", "center", "strip", "expandtabs", "swapcase", "zfill",
        "partition", "rpartition");

    public static readonly FrozenDictionary<string, Func<object, Arguments, object?>> All = Build();

    private static FrozenDictionary<string, Func<object, Arguments, object?>> Build()
    {
        Dictionary<string, Func<PythonString, Arguments, object?>> methods = new(StringComparer.Ordinal)
        {
            ["strip"] = (text, arguments) => Strip("strip", text, arguments, left: true, right: true),
            ["lstrip"] = (text, arguments) => Strip("lstrip", text, arguments, left: true, right: false),
            ["rstrip"] = (text, arguments) => Strip("rstrip", text, arguments, left: false, right: true),
            ["split"] = (text, arguments) => Split("split", text, arguments, fromEnd: false),
            ["rsplit"] = (text, arguments) => Split("rsplit", text, arguments, fromEnd: true),
            ["splitlines"] = SplitLines,
            ["partition"] = (text, arguments) => Partition("partition", text, arguments, fromEnd: false),
            ["rpartition"] = (text, arguments) => Partition("rpartition", text, arguments, fromEnd: true),
            ["startswith"] = (text, arguments) => Boxed.From(TextSearch.HasAffix("startswith", text, arguments, atEnd: false)),
            ["endswith"] = (text, arguments) => Boxed.From(TextSearch.HasAffix("endswith", text, arguments, atEnd: true)),
            ["removeprefix"] = (text, arguments) => RemoveAffix("removeprefix", text, arguments, atEnd: false),
            ["removesuffix"] = (text, arguments) => RemoveAffix("removesuffix", text, arguments, atEnd: true),
            ["find"] = (text, arguments) => Boxed.From(TextSearch.Find("find", text, arguments, fromEnd: false)),
            ["rfind"] = (text, arguments) => Boxed.From(TextSearch.Find("rfind", text, arguments, fromEnd: true)),
            ["index"] = (text, arguments) => TextSearch.Index("index", text, arguments, fromEnd: false),
            ["rindex"] = (text, arguments) => TextSearch.Index("rindex", text, arguments, fromEnd: true),
            ["count"] = (text, arguments) => Boxed.From(TextSearch.Count(text, arguments)),
            ["replace"] = Replace,
            ["join"] = Join,
            ["format"] = BraceFormat.Apply,
            ["format_map"] = BraceFormat.ApplyMap,
            ["encode"] = Encode,
            ["center"] = (text, arguments) => Pad("center", text, arguments),
            ["ljust"] = (text, arguments) => Pad("ljust", text, arguments),
            ["rjust"] = (text, arguments) => Pad("rjust", text, arguments),
            ["zfill"] = ZeroFill,
            ["expandtabs"] = ExpandTabs,
            ["translate"] = (_, _) => throw JinjaException.Unsupported("The method 'translate'"),
            ["maketrans"] = (_, _) => throw JinjaException.Unsupported("The method 'maketrans'"),
        };
        AddMappings(methods);
        AddPredicates(methods);
        return methods.ToFrozenDictionary(
            method => method.Key,
            method => _escaping.Contains(method.Key)
                ? (target, arguments) => method.Value((PythonString)target, Escaped((PythonString)target, arguments))
                : new Func<object, Arguments, object?>((target, arguments) => method.Value((PythonString)target, arguments)));
    }

    private static void AddMappings(Dictionary<string, Func<PythonString, Arguments, object?>> methods)
    {
        foreach ((string name, Func<string, string> map) in new (string, Func<string, string>)[]
        {
            ("upper", Unicode.Upper), ("lower", Unicode.Lower), ("title", Unicode.Title), ("capitalize", Unicode.Capitalize),
            ("swapcase", Unicode.SwapCase), ("casefold", Unicode.Fold),
        })
        {
            methods[name] = (text, arguments) =>
            {
                arguments.BindPositional("str." + name, 0, 0);
                return text.Derive(map(text.Text));
            };
        }
    }

    private static void AddPredicates(Dictionary<string, Func<PythonString, Arguments, object?>> methods)
    {
        foreach ((string name, Func<string, bool> test) in new (string, Func<string, bool>)[]
        {
            ("isalpha", text => TextSearch.All(text, Unicode.IsLetter)),
            ("isalnum", text => TextSearch.All(text, Unicode.IsAlphanumeric)),
            ("isdecimal", text => TextSearch.All(text, Unicode.IsDecimal)),
            ("isdigit", text => TextSearch.All(text, Unicode.IsDigit)),
            ("isnumeric", text => TextSearch.All(text, Unicode.IsNumeric)),
            ("isspace", text => TextSearch.All(text, Unicode.IsSpace)),
            ("isprintable", text => text.Length == 0 || TextSearch.All(text, code => code == ' ' || Unicode.IsPrintable(code))),
            ("isascii", text => Ascii.IsValid(text)),
            ("isidentifier", text => text.Length > 0 && Unicode.StartsName(CodePoints.ValueAt(text, 0)) && TextSearch.All(text, Unicode.IsNamePart)),
            ("islower", TextSearch.IsLower),
            ("isupper", TextSearch.IsUpper),
            ("istitle", TextSearch.IsTitle),
        })
        {
            methods[name] = (text, arguments) =>
            {
                arguments.BindPositional("str." + name, 0, 0);
                return Boxed.From(test(text.Text));
            };
        }
    }

    private static Arguments Escaped(PythonString text, Arguments arguments)
    {
        if (!text.IsMarkup)
            return arguments;
        return new Arguments([.. arguments.Positional.Select(Escape)], arguments.Names, [.. arguments.Values.Select(Escape)]);
        static object? Escape(object? value) => value is PythonString part ? Html.Escape(part) : value;
    }

    private static PythonString Strip(string name, PythonString text, Arguments arguments, bool left, bool right)
    {
        object? characters = arguments.BindPositional(name, 0, 1)[0];
        return characters switch
        {
            PythonString given => TextSplitting.Strip(text, given, left, right),
            null => TextSplitting.Strip(text, null, left, right),
            _ when characters == Arguments.Absent => TextSplitting.Strip(text, null, left, right),
            _ => throw JinjaException.Type($"{name} arg must be None or str"),
        };
    }

    private static PythonList Split(string name, PythonString text, Arguments arguments, bool fromEnd)
    {
        object?[] bound = arguments.Names.Length == 0 && arguments.Positional.Length == 1
            ? [arguments.Positional[0], Arguments.Absent]
            : arguments.Bind(name, 0, "sep", "maxsplit");
        long maxSplits = bound[1] == Arguments.Absent ? -1 : PythonNumbers.ToLong(bound[1]);
        List<PythonString> parts = bound[0] switch
        {
            PythonString separator => fromEnd
                ? TextSplitting.SplitFromEnd(text, separator.Text, maxSplits)
                : TextSplitting.Split(text, separator.Text, maxSplits),
            var none when none is null || none == Arguments.Absent => fromEnd
                ? TextSplitting.WordsFromEnd(text, maxSplits)
                : TextSplitting.Words(text, maxSplits),
            var other => throw JinjaException.Type($"must be str or None, not {PythonTypes.Name(other)}"),
        };
        return new PythonList(new List<object?>(parts));
    }

    private static PythonList SplitLines(PythonString text, Arguments arguments)
    {
        object? keepEnds = arguments.Bind("splitlines", 0, "keepends")[0];
        return new PythonList(new List<object?>(TextSplitting.Lines(text, keepEnds != Arguments.Absent && PythonOperators.IsTrue(keepEnds))));
    }

    private static PythonTuple Partition(string name, PythonString text, Arguments arguments, bool fromEnd)
    {
        PythonString separator = TextSearch.Text(arguments.BindPositional("str." + name, 1, 1)[0]);
        if (separator.IsEmpty)
            throw JinjaException.Value("empty separator");
        int found = fromEnd
            ? text.Text.AsSpan().LastIndexOf(separator.Text)
            : text.Text.IndexOf(separator.Text, StringComparison.Ordinal);
        if (found < 0)
            return fromEnd ? new PythonTuple([PythonString.Empty, PythonString.Empty, text]) : new PythonTuple([text, PythonString.Empty, PythonString.Empty]);
        int after = found + separator.Text.Length;
        return new PythonTuple(
            [text.Slice(0, found), text.Slice(found, separator.Text.Length), text.Slice(after, text.Text.Length - after)]);
    }

    private static PythonString RemoveAffix(string name, PythonString text, Arguments arguments, bool atEnd)
    {
        object? argument = arguments.BindPositional("str." + name, 1, 1)[0];
        if (argument is not PythonString affix)
            throw JinjaException.Type($"{name}() argument must be str, not {PythonTypes.Name(argument)}");
        text = text.AsPlain();
        int rest = text.Text.Length - affix.Text.Length;
        if (atEnd)
            return affix.Text.Length > 0 && text.Text.EndsWith(affix.Text, StringComparison.Ordinal) ? text.Slice(0, rest) : text;
        return text.Text.StartsWith(affix.Text, StringComparison.Ordinal) ? text.Slice(affix.Text.Length, rest) : text;
    }

    private static PythonString Replace(PythonString text, Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("str.replace", 2, 3);
        for (int i = 0; i < 2; i++)
        {
            if (bound[i] is not PythonString)
                throw JinjaException.Type($"replace() argument {i + 1} must be str, not {PythonTypes.Name(bound[i])}");
        }

        long count = bound[2] == Arguments.Absent ? -1 : PythonNumbers.ToLong(bound[2]);
        return TextSplitting.Replace(text, (PythonString)bound[0]!, (PythonString)bound[1]!, count);
    }

    private static PythonString Join(PythonString separator, Arguments arguments)
    {
        object? items = arguments.BindPositional("str.join", 1, 1)[0];
        if (!Iteration.IsIterable(items))
            throw JinjaException.Type("can only join an iterable");
        TextBuilder joined = new();
        int index = 0;
        foreach (object? item in Iteration.Over(items))
        {
            if (index > 0)
                joined.Append(separator);
            if (item is not PythonString part && !separator.IsMarkup)
                throw JinjaException.Type($"sequence item {index}: expected str instance, {PythonTypes.Name(item)} found");
            joined.Append(separator.IsMarkup ? Html.Escape(item) : (PythonString)item!);
            index++;
        }

        return separator.IsMarkup ? joined.ToPythonString().AsMarkup() : joined.ToPythonString();
    }

    private static PythonBytes Encode(PythonString text, Arguments arguments)
    {
        object?[] bound = arguments.Bind("encode", 0, "encoding", "errors");
        string encoding = bound[0] == Arguments.Absent ? "utf-8" : TextSearch.Text(bound[0]).Text;
        string name = encoding.ToUpperInvariant().Replace('_', '-');
        return name is "UTF-8" or "UTF8" || (name == "ASCII" && Ascii.IsValid(text.Text))
            ? new PythonBytes(Encoding.UTF8.GetBytes(text.Text))
            : throw JinjaException.Unsupported($"The encoding '{encoding}'");
    }

    private static PythonString Pad(string name, PythonString text, Arguments arguments)
    {
        object?[] bound = arguments.BindPositional("str." + name, 1, 2);
        PythonString fill = bound[1] == Arguments.Absent ? new PythonString(" ") : TextSearch.Text(bound[1]);
        if (CodePoints.Length(fill) != 1)
            throw JinjaException.Type("The fill character must be exactly one character long");
        return TextPadding.Pad(text, PythonNumbers.ToLong(bound[0]), fill, name switch { "center" => '^', "ljust" => '<', _ => '>' });
    }

    private static PythonString ZeroFill(PythonString text, Arguments arguments)
    {
        long width = PythonNumbers.ToLong(arguments.BindPositional("str.zfill", 1, 1)[0]);
        PythonString zero = new("0");
        if (text.Text.Length == 0 || text.Text[0] is not ('+' or '-'))
            return TextPadding.Pad(text, width, zero, '>');
        PythonString filled = TextPadding.Pad(text.Slice(1, text.Text.Length - 1), Math.Max(width, 1) - 1, zero, '>');
        return (PythonString)PythonOperators.Add(text.Slice(0, 1), filled)!;
    }

    private static PythonString ExpandTabs(PythonString text, Arguments arguments)
    {
        object? size = arguments.Bind("expandtabs", 0, "tabsize")[0];
        return TextPadding.ExpandTabs(text, size == Arguments.Absent ? 8 : PythonNumbers.ToLong(size));
    }
}
