namespace AgentRollout.Tools.Search;

/// <summary>One passage that a search found.</summary>
/// <param name="Passage">What was found.</param>
/// <param name="Score">Higher is better; comparable only within one answer.</param>
public sealed record SearchHit(Passage Passage, double Score);
