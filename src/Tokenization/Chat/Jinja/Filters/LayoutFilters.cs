using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters that lay text out: indentation, width, wrapping.</summary>
internal static class LayoutFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["indent"] = (value, arguments, _) => Indent(value, arguments),
        ["center"] = (value, arguments, _) => Center(value, arguments),
        ["truncate"] = (value, arguments, _) => Truncate(value, arguments),
        ["wordwrap"] = (value, arguments, _) => Wrap(value, arguments),
    };

    private static PythonString Indent(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_indent", 0, "width", "first", "blank");
        object? width = bound[0] == Arguments.Absent ? 4L : bound[0];
        PythonString indentation = width as PythonString ?? (PythonString)PythonOperators.Calculate("*", new PythonString(" "), width)!;
        bool withFirst = IsSet(bound[1]);
        bool withBlank = IsSet(bound[2]);
        if (value is not PythonString text)
            throw NotText(value);
        List<PythonString> lines = TextSplitting.Lines((PythonString)PythonOperators.Add(text, new PythonString("\n"))!, keepEnds: false);
        TextBuilder indented = new(text.Text.Length + 64);
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                indented.Append('\n');
            if (i == 0 ? withFirst : withBlank || !lines[i].IsEmpty)
                indented.Append(indentation);
            indented.Append(lines[i]);
        }

        return text.IsMarkup ? indented.ToPythonString().AsMarkup() : indented.ToPythonString();
    }

    private static object? Center(object? value, Arguments arguments)
    {
        object? width = arguments.Bind("do_center", 0, "width")[0];
        return StringMethods.All["center"](TextFilters.SoftText(value), new Arguments(width == Arguments.Absent ? 80L : width));
    }

    private static object? Truncate(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_truncate", 0, "length", "killwords", "end", "leeway");
        long length = bound[0] == Arguments.Absent ? 255 : PythonNumbers.ToLong(bound[0]);
        PythonString end = bound[2] == Arguments.Absent ? new PythonString("...") : TextSearch.Text(bound[2]);
        long leeway = bound[3] is null || bound[3] == Arguments.Absent ? 5 : PythonNumbers.ToLong(bound[3]);
        long kept = length - CodePoints.Length(end);
        if (kept < 0)
            throw new JinjaException("AssertionError", $"expected length >= {CodePoints.Length(end)}, got {length}");
        if (leeway < 0)
            throw new JinjaException("AssertionError", $"expected leeway >= 0, got {leeway}");
        if (Iteration.Length(value) <= length + (Int128)leeway)
            return value;
        object? start = Iteration.Slice(value, null, kept, null);
        if (!IsSet(bound[1]) && start is PythonString text)
            start = TextSplitting.SplitFromEnd(text, " ", 1)[0];
        return PythonOperators.Add(start, end);
    }

    private static PythonString Wrap(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
        if (value is not PythonString text)
            throw value is PythonList or JinjaUndefined ? NotText(value) : NoLines(value);
        WordWrapper wrapper = new(
            bound[0] == Arguments.Absent ? 79 : PythonNumbers.ToLong(bound[0]),
            bound[1] == Arguments.Absent || PythonOperators.IsTrue(bound[1]),
            bound[3] == Arguments.Absent || PythonOperators.IsTrue(bound[3]));
        PythonString separator = bound[2] is null || bound[2] == Arguments.Absent ? new PythonString("\n") : TextSearch.Text(bound[2]);
        TextBuilder wrapped = new(text.Text.Length + 16);
        bool isFirst = true;
        foreach (PythonString paragraph in TextSplitting.Lines(text, keepEnds: false))
        {
            List<PythonString> lines = wrapper.Wrap(paragraph);
            foreach (PythonString line in lines.Count == 0 ? [PythonString.Empty] : lines)
            {
                if (!isFirst)
                    wrapped.Append(separator);
                wrapped.Append(line);
                isFirst = false;
            }
        }

        return wrapped.ToPythonString();
    }

    /// <summary>The text would be added to first, which a list allows, and then asked for its lines.</summary>
    private static JinjaException NotText(object? value)
    {
        PythonOperators.FailIfUndefined(value);
        return value is PythonList ? NoLines(value) : JinjaException.Type($"unsupported operand type(s) for +=: '{PythonTypes.Name(value)}' and 'str'");
    }

    private static JinjaException NoLines(object? value) => new("AttributeError", $"'{PythonTypes.Name(value)}' object has no attribute 'splitlines'");

    private static bool IsSet(object? flag) => flag != Arguments.Absent && PythonOperators.IsTrue(flag);
}
