using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters that make text, or of text other text.</summary>
internal static class TextFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["tojson"] = ToJson,
        ["string"] = (value, arguments, _) => Plain("string", arguments, SoftText(value)),
        ["safe"] = (value, arguments, _) => Plain("do_mark_safe", arguments, SoftText(value).AsMarkup()),
        ["escape"] = (value, arguments, _) => Plain("escape", arguments, Html.Escape(value)),
        ["e"] = (value, arguments, _) => Plain("escape", arguments, Html.Escape(value)),
        ["forceescape"] = (value, arguments, _) => Plain("do_forceescape", arguments, Html.Escape(PythonPrinter.ToText(value))),
        ["striptags"] = (value, arguments, _) => StripTags(value, arguments),
        ["trim"] = Trim,
        ["upper"] = (value, arguments, _) => Method("upper", value, arguments),
        ["lower"] = (value, arguments, _) => Method("lower", value, arguments),
        ["capitalize"] = (value, arguments, _) => Method("capitalize", value, arguments),
        ["title"] = (value, arguments, _) => Title(value, arguments),
        ["replace"] = (value, arguments, _) => Replace(value, arguments),
        ["format"] = (value, arguments, _) => Format(value, arguments),
        ["wordcount"] = (value, arguments, _) => CountWords(value, arguments),
        ["pprint"] = (value, arguments, _) => Plain("do_pprint", arguments, PythonString.FromContent(PrettyPrinter.Print(value))),
    };

    /// <summary>MarkupSafe's <c>soft_str</c>: a string as it is, of anything else its text.</summary>
    public static PythonString SoftText(object? value) => value as PythonString ?? PythonPrinter.ToText(value);

    private static T Plain<T>(string callee, Arguments arguments, T result)
    {
        arguments.Bind(callee, 0);
        return result;
    }

    private static PythonString ToJson(object? value, Arguments arguments, Renderer renderer)
    {
        TextBuilder json = new();
        JinjaJson.Write(value, JsonStyle.From(arguments), json);
        return json.ToPythonString();
    }

    private static object? Method(string name, object? value, Arguments arguments)
    {
        arguments.Bind("do_" + name, 0);
        return StringMethods.All[name](SoftText(value), Arguments.None);
    }

    private static PythonString Trim(object? value, Arguments arguments, Renderer renderer)
    {
        if (arguments == Arguments.None)
            return TextSplitting.Strip(SoftText(value), null, left: true, right: true);
        object? characters = arguments.Bind("do_trim", 0, "chars")[0];
        return (PythonString)StringMethods.All["strip"](SoftText(value), characters == Arguments.Absent ? Arguments.None : new Arguments(characters))!;
    }

    private static PythonString StripTags(object? value, Arguments arguments)
    {
        arguments.Bind("do_striptags", 0);
        PythonString text = SoftText(value);
        string stripped = Html.StripTags(text.Text);
        return text.IsTemplate ? new PythonString(stripped) : PythonString.FromContent(stripped);
    }

    /// <summary>Begins words after space, hyphens and opening brackets only, unlike the method of the same name.</summary>
    private static PythonString Title(object? value, Arguments arguments)
    {
        arguments.Bind("do_title", 0);
        PythonString text = SoftText(value).AsPlain();
        TextBuilder title = new(text.Text.Length);
        for (int start = 0; start < text.Text.Length;)
        {
            bool isGap = IsGap(text.Text[start]);
            int end = start;
            while (end < text.Text.Length && IsGap(text.Text[end]) == isGap)
                end++;
            PythonString word = text.Slice(start, end - start);
            int first = CodePoints.LengthAt(word.Text, 0);
            title.Append(isGap ? word : word.Slice(0, first).Derive(Unicode.Upper(word.Text[..first])));
            if (!isGap && first < word.Text.Length)
                title.Append(word.Slice(first, word.Text.Length - first).Derive(Unicode.Lower(word.Text[first..])));
            start = end;
        }

        return title.ToPythonString();
    }

    private static bool IsGap(char character) => character is '-' or '(' or '{' or '[' or '<' || Unicode.IsSpace(character);

    private static PythonString Replace(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_replace", 2, "old", "new", "count");
        long count = bound[2] is null || bound[2] == Arguments.Absent ? -1 : PythonNumbers.ToLong(bound[2]);
        return TextSplitting.Replace(
            PythonPrinter.ToText(value), PythonPrinter.ToText(bound[0]), PythonPrinter.ToText(bound[1]), count);
    }

    private static PythonString Format(object? value, Arguments arguments)
    {
        if (arguments.Positional.Length > 0 && arguments.Names.Length > 0)
            throw JinjaException.Argument("can't handle positional and keyword arguments at the same time");
        object values = arguments.Names.Length > 0 ? JinjaGlobals.Dict("dict", arguments) : new PythonTuple(arguments.Positional);
        return PercentFormat.Apply(SoftText(value), values);
    }

    private static object CountWords(object? value, Arguments arguments)
    {
        string text = SoftText(value).Text;
        arguments.Bind("do_wordcount", 0);
        long words = 0;
        bool inWord = false;
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int code = CodePoints.ValueAt(text, i);
            bool isPart = code == '_' || Unicode.IsAlphanumeric(code);
            words += isPart && !inWord ? 1 : 0;
            inWord = isPart;
        }

        return Boxed.From(words);
    }
}
