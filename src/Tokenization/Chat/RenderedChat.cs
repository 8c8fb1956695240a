namespace AgentRollout.Tokenization.Chat;

/// <summary>A rendered conversation.</summary>
/// <param name="Text">The text.</param>
/// <param name="Generations">What the template marks as written by the assistant, in order; empty where it marks nothing.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<CharSpan> Generations);
