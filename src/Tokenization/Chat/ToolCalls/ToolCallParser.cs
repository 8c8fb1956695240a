namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>A built-in format bound to a tokenizer.</summary>
internal sealed class ToolCallParser(
    string name,
    Tokenizer tokenizer,
    IReadOnlyCollection<int> endTokens,
    bool? reasoningIsOpen,
    Func<TurnCursor, TurnBuilder, TurnContext, Func<string, Marker>, TurnFormat> begin) : IToolCallParser
{
    public string Name => name;

    public TurnReader Begin(TurnContext? context = null)
    {
        TurnContext known = context ?? new TurnContext();
        known = known with { ReasoningIsOpen = known.ReasoningIsOpen ?? reasoningIsOpen };
        return new FormatTurnReader(
            new TurnCursor(tokenizer, endTokens), (turn, output) => begin(turn, output, known, text => new Marker(tokenizer, text)));
    }
}
