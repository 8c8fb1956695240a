namespace AgentRollout.Tokenization.Chat;

/// <summary>A half-open range of a text, in UTF-16 units.</summary>
public readonly record struct CharSpan(int Start, int End);
