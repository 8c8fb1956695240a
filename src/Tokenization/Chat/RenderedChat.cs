namespace AgentRollout.Tokenization.Chat;

/// <summary>A rendered conversation.</summary>
/// <param name="Text">The text.</param>
/// <param name="Generations">What the template marks as written by the assistant, in order; empty where it marks nothing.</param>
/// <param name="ContentSpans">
/// Where the text comes from messages, tools or other input, in order and without overlap; the rest is the template's own text and the
/// special tokens that the tokenizer names. What cannot be told apart counts as content. Empty unless it was asked for.
/// </param>
public sealed record RenderedChat(string Text, IReadOnlyList<CharSpan> Generations, IReadOnlyList<CharSpan> ContentSpans);
