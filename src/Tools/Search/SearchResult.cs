namespace AgentRollout.Tools.Search;

/// <summary>What a search found.</summary>
/// <param name="Hits">The best passages, best first.</param>
/// <param name="IgnoredTerms">Words of the query that were not searched for, because too many passages hold them.</param>
/// <param name="IsPartial">Whether all words are that frequent, so that the rarest was searched for in the first part of the corpus only.</param>
public sealed record SearchResult(IReadOnlyList<SearchHit> Hits, IReadOnlyList<string> IgnoredTerms, bool IsPartial = false);
