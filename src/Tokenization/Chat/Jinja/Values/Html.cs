using System.Net;
using System.Text.RegularExpressions;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>MarkupSafe's escaping.</summary>
internal static partial class Html
{
    /// <summary>Markup stays; of anything else the text is escaped.</summary>
    public static PythonString Escape(object? value)
    {
        if (value is PythonString { IsMarkup: true } markup)
            return markup;
        PythonString text = PythonPrinter.ToText(value);
        if (text.Text.AsSpan().IndexOfAny("&<>'\"") < 0)
            return text.AsMarkup();
        TextBuilder escaped = new(text.Text.Length + 16);
        int start = 0;
        for (int i = 0; i < text.Text.Length; i++)
        {
            if (Entity(text.Text[i]) is not { } entity)
                continue;
            escaped.Append(text.Slice(start, i - start));
            escaped.Append(text.IsTemplate ? new PythonString(entity) : PythonString.FromContent(entity));
            start = i + 1;
        }

        escaped.Append(text.Slice(start, text.Text.Length - start));
        return escaped.ToPythonString().AsMarkup();
    }

    public static string Escape(string text) => Escape(new PythonString(text)).Text;

    /// <summary>Removes comments and tags, makes runs of white space one space, and reads entities.</summary>
    public static string StripTags(string text)
    {
        string plain = Tags().Replace(Comments().Replace(text, ""), "");
        return WebUtility.HtmlDecode(string.Join(' ', TextSplitting.Words(new PythonString(plain), -1).Select(word => word.Text)));
    }

    private static string? Entity(char character) => character switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '\'' => "&#39;",
        '"' => "&#34;",
        _ => null,
    };

    [GeneratedRegex("<!--.*?-->", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex("<.*?>", RegexOptions.Singleline)]
    private static partial Regex Tags();
}
