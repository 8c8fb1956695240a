using System.Text.RegularExpressions;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Python's <c>textwrap.wrap</c> without the treatment of tabs and other white space.</summary>
internal sealed partial class WordWrapper(long width, bool breakLongWords, bool breakOnHyphens)
{
    public List<PythonString> Wrap(PythonString text)
    {
        if (width <= 0)
            throw JinjaException.Value($"invalid width {width} (must be > 0)");
        List<PythonString> chunks = Chunks(text);
        List<PythonString> lines = [];
        chunks.Reverse();
        while (chunks.Count > 0)
        {
            if (lines.Count > 0 && IsBlank(chunks[^1]))
                chunks.RemoveAt(chunks.Count - 1);
            List<PythonString> line = [];
            long length = 0;
            while (chunks.Count > 0 && length + CodePoints.Length(chunks[^1]) <= width)
                Move();
            if (chunks.Count > 0 && CodePoints.Length(chunks[^1]) > width)
                BreakWord(chunks, line, width - length);
            if (line.Count > 0 && IsBlank(line[^1]))
                line.RemoveAt(line.Count - 1);
            if (line.Count > 0)
                lines.Add(Join(line));

            void Move()
            {
                length += CodePoints.Length(chunks[^1]);
                line.Add(chunks[^1]);
                chunks.RemoveAt(chunks.Count - 1);
            }
        }

        return lines;
    }

    private static bool IsBlank(PythonString chunk) => TextSplitting.Strip(chunk, null, left: true, right: false).IsEmpty;

    private static PythonString Join(List<PythonString> line)
    {
        TextBuilder text = new();
        foreach (PythonString chunk in line)
            text.Append(chunk);
        return text.ToPythonString();
    }

    private List<PythonString> Chunks(PythonString text)
    {
        List<PythonString> chunks = [];
        int start = 0;
        foreach (Match match in (breakOnHyphens ? HyphenatedWords() : Spaces()).Matches(text.Text))
        {
            if (match.Index > start)
                chunks.Add(text.Slice(start, match.Index - start));
            if (match.Length > 0)
                chunks.Add(text.Slice(match.Index, match.Length));
            start = match.Index + match.Length;
        }

        if (start < text.Text.Length)
            chunks.Add(text.Slice(start, text.Text.Length - start));
        return chunks;
    }

    private void BreakWord(List<PythonString> chunks, List<PythonString> line, long room)
    {
        PythonString word = chunks[^1];
        long left = width < 1 ? 1 : room;
        if (breakLongWords && left > 0)
        {
            long end = left;
            if (breakOnHyphens && CodePoints.Length(word) > left)
            {
                int hyphen = word.Text.LastIndexOf('-', CodePoints.ToUtf16(word, (int)left) - 1);
                if (hyphen > 0 && word.Text.AsSpan(0, hyphen).ContainsAnyExcept('-'))
                    end = CodePoints.ToCodePoint(word.Text, hyphen) + 1;
            }

            int cut = CodePoints.ToUtf16(word, (int)end);
            line.Add(word.Slice(0, cut));
            chunks[^1] = word.Slice(cut, word.Text.Length - cut);
        }
        else if (line.Count == 0)
        {
            line.Add(word);
            chunks.RemoveAt(chunks.Count - 1);
        }
    }

    [GeneratedRegex(@"[\t\n\x0b\x0c\r ]+")]
    private static partial Regex Spaces();

    /// <summary>White space, dashes between words, and words up to a hyphen between letters.</summary>
    [GeneratedRegex(
        """
        [\t\n\x0b\x0c\r\ ]+
        | (?<=[\w!"'&.,?]) -{2,} (?=\w)
        | [^\t\n\x0b\x0c\r\ ]+? (?:
              -(?: (?<=[^\d\W]{2}-) | (?<=[^\d\W]-[^\d\W]-)) (?= [^\d\W] -? [^\d\W])
            | (?=[\t\n\x0b\x0c\r\ ]|\z)
            | (?<=[\w!"'&.,?]) (?=-{2,}\w))
        """,
        RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex HyphenatedWords();
}
