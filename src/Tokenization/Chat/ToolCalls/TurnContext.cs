namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>What a parser may know about a turn besides its tokens.</summary>
public sealed record TurnContext
{
    /// <summary>The tools that were offered: formats that write arguments without types take the types from their schemas.</summary>
    public IReadOnlyList<FunctionSchema> Tools { get; init; } = [];

    /// <summary>
    /// Whether the prompt ended inside an opened reasoning part. Null: what the template's generation prompt says, and where that says
    /// nothing either, the turn's text is held back until the end of a reasoning part, a call or the end of the turn decides.
    /// </summary>
    public bool? ReasoningIsOpen { get; init; }
}
