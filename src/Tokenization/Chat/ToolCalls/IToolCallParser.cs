namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Reads the tokens of one assistant turn: text, reasoning and tool calls. Never throws on what a model wrote. Thread-safe.</summary>
public interface IToolCallParser
{
    /// <summary>The format's name, for example <c>hermes</c>.</summary>
    string Name { get; }

    /// <summary>Begins to read a turn whose tokens arrive in pieces.</summary>
    TurnReader Begin(TurnContext? context = null);

    /// <summary>
    /// Parses a finished turn. <paramref name="tokens"/> are the sampled ids of the turn, with or without the end-of-turn token;
    /// spans in the result are relative to them.
    /// </summary>
    ParsedTurn Parse(ReadOnlySpan<int> tokens, TurnContext? context = null)
    {
        TurnReader reader = Begin(context);
        reader.Append(tokens);
        reader.Finish();
        return reader.Turn;
    }
}
