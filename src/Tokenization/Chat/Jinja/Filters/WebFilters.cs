using System.Buffers;
using System.Globalization;
using System.Text;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters for addresses and HTML.</summary>
internal static class WebFilters
{
    private static readonly SearchValues<char> _endsOfNames = SearchValues.Create(" \t\n\r\f\v/>=");

    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["urlencode"] = (value, arguments, _) => UrlEncode(value, arguments),
        ["urlize"] = (value, arguments, _) => Urlizer.Apply(value, arguments),
        ["xmlattr"] = (value, arguments, _) => Attributes(value, arguments),
    };

    private static PythonString UrlEncode(object? value, Arguments arguments)
    {
        arguments.Bind("do_urlencode", 0);
        if (value is PythonString || !Iteration.IsIterable(value))
            return Quoted(value, isQuery: false);
        TextBuilder query = new();
        foreach (object? pair in value is PythonDict dict ? dict.Pairs : Iteration.Over(value))
        {
            IReadOnlyList<object?> parts = Iteration.Items(pair);
            if (parts.Count != 2)
                throw JinjaException.Value(parts.Count < 2 ? $"not enough values to unpack (expected 2, got {parts.Count})" : "too many values to unpack (expected 2)");
            if (query.Length > 0)
                query.Append('&');
            query.Append(Quoted(parts[0], isQuery: true));
            query.Append('=');
            query.Append(Quoted(parts[1], isQuery: true));
        }

        return query.ToPythonString();
    }

    private static PythonString Quoted(object? value, bool isQuery)
    {
        PythonString text = PythonPrinter.ToText(value);
        StringBuilder quoted = new();
        foreach (byte part in Encoding.UTF8.GetBytes(text.Text))
        {
            char character = (char)part;
            if (char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '-' or '~' || (character == '/' && !isQuery))
                quoted.Append(character);
            else if (character == ' ' && isQuery)
                quoted.Append('+');
            else
                quoted.Append('%').Append(part.ToString("X2", CultureInfo.InvariantCulture));
        }

        return text.Derive(quoted.ToString());
    }

    private static PythonString Attributes(object? value, Arguments arguments)
    {
        object? autospace = arguments.Bind("do_xmlattr", 0, "autospace")[0];
        PythonOperators.FailIfUndefined(value);
        if (value is not PythonDict dict)
            throw new JinjaException("AttributeError", $"'{PythonTypes.Name(value)}' object has no attribute 'items'");
        TextBuilder attributes = new();
        foreach ((object? key, object? item) in dict.Entries)
        {
            if (item is null or JinjaUndefined)
                continue;
            if (key is not PythonString name)
                throw JinjaException.Type($"expected string or bytes-like object, got '{PythonTypes.Name(key)}'");
            if (name.Text.AsSpan().ContainsAny(_endsOfNames))
                throw JinjaException.Value($"Invalid character in attribute name: {PythonPrinter.Represent(name)}");
            if (attributes.Length > 0 || autospace == Arguments.Absent || PythonOperators.IsTrue(autospace))
                attributes.Append(' ');
            attributes.Append(Html.Escape(name));
            attributes.Append("=\"");
            attributes.Append(Html.Escape(item));
            attributes.Append('"');
        }

        return attributes.ToPythonString();
    }
}
