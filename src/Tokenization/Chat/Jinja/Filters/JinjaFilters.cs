using System.Collections.Frozen;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>What stands behind a bar: <c>value | filter(arguments)</c>.</summary>
internal delegate object? JinjaFilter(object? value, Arguments arguments, Renderer renderer);

/// <summary>The filters of Jinja 3.1 by name, with transformers' <c>tojson</c>.</summary>
internal static class JinjaFilters
{
    private static readonly FrozenDictionary<string, JinjaFilter> _all = TextFilters.All
        .Concat(LayoutFilters.All)
        .Concat(NumberFilters.All)
        .Concat(SequenceFilters.All)
        .Concat(OrderFilters.All)
        .Concat(SelectionFilters.All)
        .Concat(WebFilters.All)
        .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The filter, or null where there is none of that name.</summary>
    public static JinjaFilter? Find(string name) => _all.GetValueOrDefault(name);
}
