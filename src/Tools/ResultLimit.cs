namespace AgentRollout.Tools;

/// <summary>How much of a call's result its caller wants.</summary>
/// <param name="MaxCharacters">Most UTF-16 units, the sentence about what is left out included.</param>
/// <param name="Truncate">What is left out of a longer text.</param>
public sealed record ResultLimit(int MaxCharacters, Truncation Truncate);
