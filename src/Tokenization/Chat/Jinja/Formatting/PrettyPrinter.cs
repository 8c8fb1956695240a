using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Formatting;

/// <summary>Python's <c>pprint.pformat</c>: sorted keys, and one item a line where a value is wider than 80 characters.</summary>
internal static class PrettyPrinter
{
    private const int Width = 80;

    public static string Print(object? value)
    {
        TextBuilder text = new();
        Write(value, 0, 0, text);
        return text.ToString();
    }

    /// <param name="value">What to write.</param>
    /// <param name="indent">The column at which it begins.</param>
    /// <param name="allowance">How many characters will follow on its last line.</param>
    /// <param name="text">Where to.</param>
    private static void Write(object? value, int indent, int allowance, TextBuilder text)
    {
        JinjaLimits.CheckStack();
        string line = PythonPrinter.Represent(Sorted(value));
        if (line.Length <= Width - indent - allowance)
        {
            text.Append(line);
            return;
        }

        switch (value)
        {
            case PythonDict { Count: > 0 } dict:
                WriteDict((PythonDict)Sorted(dict)!, indent, allowance, text);
                break;
            case PythonList list:
                WriteItems(list.Items, '[', "]", indent, allowance, text);
                break;
            case PythonTuple tuple:
                WriteItems(tuple.Items, '(', tuple.Items.Length == 1 ? ",)" : ")", indent, allowance, text);
                break;
            case PythonString { IsMarkup: false, IsEmpty: false } literal:
                WriteText(literal, indent, allowance, text);
                break;
            default:
                text.Append(line);
                break;
        }
    }

    /// <summary>The value with the keys of all its mappings in order, as far as they have one.</summary>
    private static object? Sorted(object? value)
    {
        JinjaLimits.CheckStack();
        switch (value)
        {
            case PythonDict dict:
                PythonDict sorted = new(dict.Count);
                foreach ((object? key, object? item) in dict.Entries.ToArray().OrderBy(entry => entry.Key, Comparer<object?>.Create(Order)))
                    sorted.Add(key, Sorted(item));
                return sorted;
            case PythonList list:
                return new PythonList(list.Items.Select(Sorted));
            case PythonTuple tuple:
                return new PythonTuple([.. tuple.Items.Select(Sorted)]);
            default:
                return value;
        }
    }

    private static int Order(object? left, object? right)
    {
        try
        {
            return PythonOperators.Order(left, right) ?? 0;
        }
        catch (JinjaException)
        {
            return string.CompareOrdinal(PythonTypes.Name(left), PythonTypes.Name(right));
        }
    }

    private static void WriteDict(PythonDict dict, int indent, int allowance, TextBuilder text)
    {
        text.Append('{');
        for (int i = 0; i < dict.Count; i++)
        {
            (object? key, object? item) = dict.Entries[i];
            if (i > 0)
                NewLine(indent + 1, text);
            string name = PythonPrinter.Represent(key);
            text.Append(name);
            text.Append(": ");
            Write(item, indent + name.Length + 3, i == dict.Count - 1 ? allowance + 1 : 1, text);
        }

        text.Append('}');
    }

    private static void WriteItems(IReadOnlyList<object?> items, char open, string close, int indent, int allowance, TextBuilder text)
    {
        text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                NewLine(indent + 1, text);
            Write(items[i], indent + 1, i == items.Count - 1 ? allowance + close.Length : 1, text);
        }

        text.Append(close);
    }

    /// <summary>Strings are cut behind white space; a whole value that is one stands in parentheses.</summary>
    private static void WriteText(PythonString value, int indent, int allowance, TextBuilder text)
    {
        bool isWhole = indent == 0;
        if (isWhole)
            (indent, allowance) = (indent + 1, allowance + 1);
        List<string> chunks = [];
        List<PythonString> lines = TextSplitting.Lines(value, keepEnds: true);
        for (int i = 0; i < lines.Count; i++)
            AddChunks(lines[i], i == lines.Count - 1 ? allowance : 0, Width - indent, chunks);
        if (chunks.Count == 1)
        {
            text.Append(chunks[0]);
            return;
        }

        text.Append(isWhole ? "(" : "");
        for (int i = 0; i < chunks.Count; i++)
        {
            if (i > 0)
            {
                text.Append('\n');
                text.Repeat(' ', indent);
            }

            text.Append(chunks[i]);
        }

        text.Append(isWhole ? ")" : "");
    }

    private static void AddChunks(PythonString line, int allowance, int width, List<string> chunks)
    {
        string whole = PythonPrinter.Represent(line);
        if (whole.Length <= width - allowance)
        {
            chunks.Add(whole);
            return;
        }

        string current = "";
        for (int start = 0; start < line.Text.Length;)
        {
            int end = start;
            while (end < line.Text.Length && !Unicode.IsSpace(line.Text[end]))
                end++;
            while (end < line.Text.Length && Unicode.IsSpace(line.Text[end]))
                end++;
            string candidate = current + line.Text[start..end];
            int room = end == line.Text.Length ? width - allowance : width;
            if (PythonPrinter.Represent(new PythonString(candidate)).Length > room && current.Length > 0)
            {
                chunks.Add(PythonPrinter.Represent(new PythonString(current)));
                candidate = line.Text[start..end];
            }

            current = candidate;
            start = end;
        }

        if (current.Length > 0)
            chunks.Add(PythonPrinter.Represent(new PythonString(current)));
    }

    private static void NewLine(int indent, TextBuilder text)
    {
        text.Append(",\n");
        text.Repeat(' ', indent);
    }
}
