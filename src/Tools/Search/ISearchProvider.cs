namespace AgentRollout.Tools.Search;

/// <summary>Finds passages for a query. Implemented by an index in this process and by a retrieval server. Safe to call concurrently.</summary>
public interface ISearchProvider
{
    /// <summary>The best passages; none where nothing fits. The same query gives the same answer.</summary>
    /// <param name="query">Plain words; no character in it is an operator.</param>
    /// <param name="limit">The most passages wanted, at least 1.</param>
    /// <param name="cancellationToken">Ends the search early.</param>
    /// <exception cref="ToolException">The query has no words, or the provider cannot answer.</exception>
    Task<SearchResult> SearchAsync(string query, int limit, CancellationToken cancellationToken);
}
