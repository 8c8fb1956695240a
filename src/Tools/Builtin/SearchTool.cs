using System.ComponentModel;
using System.Text;
using AgentRollout.Tools.Search;

namespace AgentRollout.Tools.Builtin;

/// <summary>
/// The tool <c>search</c>: the best passages of a provider as numbered lines, one per passage, or their snippets; line breaks inside become
/// spaces. Lines at the end name words that were too frequent to search for.
/// </summary>
public sealed class SearchTool
{
    /// <summary>The most passages of one search.</summary>
    public const int MaxTopK = 20;

    private readonly ISearchProvider _provider;
    private readonly int _topK;

    private SearchTool(ISearchProvider provider, int topK)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(topK, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(topK, MaxTopK);
        _provider = provider;
        _topK = topK;
    }

    /// <summary>A tool with the one argument <c>query</c>.</summary>
    /// <param name="provider">What is searched.</param>
    /// <param name="topK">How many passages are returned, 1 to <see cref="MaxTopK"/>.</param>
    public static ITool Create(ISearchProvider provider, int topK = 3) =>
        new DelegateTool(new SearchTool(provider, topK).SearchAsync, "search");

    [Description("Search the facts.")]
    private async Task<string> SearchAsync(string query, CancellationToken cancellationToken)
    {
        SearchResult result = await _provider.SearchAsync(query, _topK, cancellationToken);
        var lines = new StringBuilder(result.Hits.Count == 0 ? "No results." : "");
        for (int i = 0; i < result.Hits.Count; i++)
        {
            SearchHit hit = result.Hits[i];
            lines.Append(i == 0 ? "" : "\n").Append(i + 1).Append(". ").Append((hit.Snippet ?? hit.Passage.Text).ReplaceLineEndings(" "));
        }

        if (result.IgnoredTerms.Count > 0)
            lines.Append($"\n(Too frequent to search for: {string.Join(", ", result.IgnoredTerms)}.)");
        if (result.IsPartial)
            lines.Append("\n(All words are frequent, so only a part of the facts was searched.)");
        return lines.ToString();
    }
}
