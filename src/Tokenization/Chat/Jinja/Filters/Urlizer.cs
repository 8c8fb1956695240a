using System.Text.RegularExpressions;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Jinja's <c>urlize</c>: makes links of what looks like an address.</summary>
internal static partial class Urlizer
{
    private static readonly (string Open, string Close)[] _brackets = [("(", ")"), ("<", ">"), ("&lt;", "&gt;")];

    public static PythonString Apply(object? value, Arguments arguments)
    {
        object?[] bound = arguments.Bind("do_urlize", 0, "trim_url_limit", "nofollow", "target", "rel", "extra_schemes");
        PythonString text = Html.Escape(value);
        long? limit = bound[0] is null || bound[0] == Arguments.Absent ? null : PythonNumbers.ToLong(bound[0]);
        SortedSet<string> rel = new(StringComparer.Ordinal) { "noopener" };
        if (bound[1] != Arguments.Absent && PythonOperators.IsTrue(bound[1]))
            rel.Add("nofollow");
        if (bound[3] is PythonString given)
            rel.UnionWith(TextSplitting.Words(given, -1).Select(word => word.Text));
        string attributes = $" rel=\"{Html.Escape(string.Join(' ', rel))}\"";
        if (bound[2] is PythonString target)
            attributes += $" target=\"{Html.Escape(target.Text)}\"";
        string[] schemes = bound[4] is null || bound[4] == Arguments.Absent
            ? []
            : [.. Iteration.Items(bound[4]).Select(scheme => TextSearch.Text(scheme).Text)];
        foreach (string scheme in schemes)
        {
            if (!Scheme().IsMatch(scheme))
                throw JinjaException.Argument($"'{scheme}' is not a valid URI scheme prefix.");
        }

        string linked = string.Concat(Spaces().Split(text.Text).Select(word => Link(word, limit, attributes, schemes)));
        return text.IsTemplate ? new PythonString(linked) : PythonString.FromContent(linked);
    }

    private static string Link(string word, long? limit, string attributes, string[] schemes)
    {
        (string head, string middle, string tail) = Trim(word);
        if (Web().IsMatch(middle))
        {
            bool hasScheme = middle.StartsWith("https://", StringComparison.Ordinal) || middle.StartsWith("http://", StringComparison.Ordinal);
            string shown = limit is { } length && middle.Length > length ? middle[..(int)Math.Max(0, length)] + "..." : middle;
            middle = $"<a href=\"{(hasScheme ? "" : "https://")}{middle}\"{attributes}>{shown}</a>";
        }
        else if (middle.StartsWith("mailto:", StringComparison.Ordinal) && Email().IsMatch(middle[7..]))
            middle = $"<a href=\"{middle}\">{middle[7..]}</a>";
        else if (middle.Contains('@', StringComparison.Ordinal) && !middle.StartsWith("www.", StringComparison.Ordinal)
            && !middle.Contains(':', StringComparison.Ordinal) && Email().IsMatch(middle))
        {
            middle = $"<a href=\"mailto:{middle}\">{middle}</a>";
        }
        else
        {
            foreach (string scheme in schemes)
            {
                if (middle != scheme && middle.StartsWith(scheme, StringComparison.Ordinal))
                    middle = $"<a href=\"{middle}\"{attributes}>{middle}</a>";
            }
        }

        return head + middle + tail;
    }

    /// <summary>Takes opening and closing punctuation off, except brackets that belong to the address.</summary>
    private static (string Head, string Middle, string Tail) Trim(string word)
    {
        string head = Opening().Match(word).Value;
        string middle = word[head.Length..];
        string tail = Closing().Match(middle).Value;
        middle = middle[..^tail.Length];
        foreach ((string open, string close) in _brackets)
        {
            int opened = middle.AsSpan().Count(open);
            if (opened <= middle.AsSpan().Count(close))
                continue;
            for (int moved = Math.Min(opened, tail.AsSpan().Count(close)); moved > 0; moved--)
            {
                int end = tail.IndexOf(close, StringComparison.Ordinal) + close.Length;
                middle += tail[..end];
                tail = tail[end..];
            }
        }

        return (head, middle, tail);
    }

    [GeneratedRegex(@"(\s+)")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^([(<]|&lt;)+")]
    private static partial Regex Opening();

    [GeneratedRegex(@"([)>.,\n]|&gt;)+$")]
    private static partial Regex Closing();

    [GeneratedRegex(@"^\S+@\w[\w.-]*\.\w+$")]
    private static partial Regex Email();

    [GeneratedRegex(@"^([\w.+-]{2,}:(/){0,2})$")]
    private static partial Regex Scheme();

    [GeneratedRegex(
        """
        ^(
            (https?://|www\.) (([\w%-]+\.)+)? ([a-z]{2,63} | xn--[\w%]{2,59})
          | ([\w%-]{2,63}\.)+ (com|net|int|edu|gov|org|info|mil)
          | (https?://) ((([\d]{1,3})(\.[\d]{1,3}){3}) | (\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}]))
        )
        (?::[\d]{1,5})? (?:[/?\#]\S*)?$
        """,
        RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Web();
}
