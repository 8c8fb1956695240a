namespace AgentRollout.Tokenization.Chat;

/// <summary>What loading found out about a chat template by rendering small conversations.</summary>
/// <param name="EndOfTurn">The control token that ends an assistant turn before another message; empty where the opening of the next message ends it.</param>
/// <param name="Glue">What the template puts between that token and the next message.</param>
/// <param name="EndsOfTurn">The control tokens that a model samples to end its turn, the one after an answer first; never empty.</param>
/// <param name="GenerationPrompt">What opens an assistant turn.</param>
/// <param name="GenerationPromptOpensAnswer">Whether a rendered answer begins with the generation prompt.</param>
/// <param name="AppendsUserMessages">Whether a further user message leaves the text before it as it was.</param>
/// <param name="AppendsToolResults">Whether a tool result leaves the text before it as it was.</param>
/// <param name="KeepsReasoning">Whether reasoning of an earlier turn is still there after a further user message.</param>
/// <param name="DeltaIgnoresContent">Whether what a message adds is the same whatever was said before it.</param>
/// <param name="ToolRefusal">Why the template cannot render tool results, or null where it can.</param>
/// <param name="Policy">What is done where the template rewrites earlier turns: <c>append_only</c> keeps what was sampled.</param>
public sealed record ChatFormatProbe(
    string EndOfTurn,
    string Glue,
    IReadOnlyList<string> EndsOfTurn,
    string GenerationPrompt,
    bool GenerationPromptOpensAnswer,
    bool AppendsUserMessages,
    bool AppendsToolResults,
    bool KeepsReasoning,
    bool DeltaIgnoresContent,
    string? ToolRefusal,
    string Policy);
