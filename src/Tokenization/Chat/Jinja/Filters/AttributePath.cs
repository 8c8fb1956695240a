using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>The argument <c>attribute</c> of filters: names and positions with points between, looked up one after the other.</summary>
internal sealed class AttributePath
{
    private readonly object?[] _parts;
    private readonly object? _default;

    /// <param name="attribute">The path, or a position; null for the item itself.</param>
    /// <param name="fallback">What stands for an undefined value; null for none.</param>
    public AttributePath(object? attribute, object? fallback = null)
    {
        _parts = attribute switch
        {
            null => [],
            PythonString path => [.. TextSplitting.Split(path, ".", -1).Select(part => TextSearch.All(part.Text, Unicode.IsDigit) ? Radix.Parse(part.Text, 10) : part)],
            _ => [attribute],
        };
        _default = fallback;
    }

    public object? Get(object? item)
    {
        foreach (object? part in _parts)
        {
            item = Access.Item(item, part);
            if (_default is not null && item is JinjaUndefined)
                item = _default;
        }

        return item;
    }

    /// <summary>The value, in lower case where it is text and case does not count.</summary>
    public object? GetKey(object? item, bool isCaseSensitive) => IgnoreCase(Get(item), isCaseSensitive);

    public static object? IgnoreCase(object? value, bool isCaseSensitive) =>
        value is PythonString text && !isCaseSensitive ? text.Derive(Unicode.Lower(text.Text)) : value;
}
