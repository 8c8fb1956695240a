namespace AgentRollout.Tools.Search;

/// <summary>How a <see cref="LocalIndexSearch"/> ranks and answers.</summary>
public sealed record SearchIndexOptions
{
    /// <summary>The most words of a snippet that the index can cut.</summary>
    public const int MaxSnippetWords = 64;

    /// <summary>What a word in a title counts, beside <see cref="TextWeight"/>. At least 0.</summary>
    public double TitleWeight { get; init; } = 1;

    /// <summary>What a word in a text counts. At least 0.</summary>
    public double TextWeight { get; init; } = 1;

    /// <summary>Words of a snippet, 1 to <see cref="MaxSnippetWords"/>; 0 gives none.</summary>
    public int SnippetWords { get; init; }

    /// <summary>
    /// Above this share of the passages a word is not searched for while the query has rarer ones, 0 to 1. It costs much and tells little.
    /// Corpora of fewer than <see cref="IndexDatabase.SmallCorpus"/> passages are searched for every word.
    /// </summary>
    public double MaxTermShare { get; init; } = 0.02;
}
