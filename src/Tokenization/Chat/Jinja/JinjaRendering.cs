namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>What a template rendered.</summary>
/// <param name="Text">The text.</param>
/// <param name="Generations">The parts inside <c>{% generation %}</c>.</param>
internal sealed record JinjaRendering(string Text, IReadOnlyList<CharSpan> Generations);
