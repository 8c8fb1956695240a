namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>What a template rendered.</summary>
/// <param name="Text">The text.</param>
/// <param name="Generations">The parts inside <c>{% generation %}</c>.</param>
/// <param name="Content">The parts that are neither the template's text nor one of its string literals.</param>
internal sealed record JinjaRendering(string Text, IReadOnlyList<CharSpan> Generations, IReadOnlyList<CharSpan> Content);
