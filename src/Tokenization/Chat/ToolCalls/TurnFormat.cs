namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>A format's state while one turn is read: a machine that consumes what is certain each time that tokens have arrived.</summary>
internal abstract class TurnFormat(TurnCursor turn, TurnBuilder output)
{
    protected TurnCursor Turn { get; } = turn;

    protected TurnBuilder Output { get; } = output;

    /// <summary>Reads on as far as it is certain; to the end where the turn is finished.</summary>
    public abstract void Advance();
}
