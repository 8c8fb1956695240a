namespace AgentRollout.Tools.Search;

/// <summary>One passage that a search found.</summary>
/// <param name="Passage">What was found.</param>
/// <param name="Score">Higher is better; comparable only within one answer.</param>
/// <param name="Snippet">The part of the text that fits best, where snippets were asked for and the text is longer; else null.</param>
public sealed record SearchHit(Passage Passage, double Score, string? Snippet = null);
