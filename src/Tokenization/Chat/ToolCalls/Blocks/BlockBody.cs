namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>Reads the inside of one block.</summary>
internal abstract class BlockBody(BlockSource source)
{
    protected BlockSource Source { get; } = source;

    protected TurnCursor Turn => Source.Turn;

    protected TurnBuilder Output => Source.Output;

    /// <summary>The body is certain up to <paramref name="limit"/>.</summary>
    public abstract void Read(int limit);

    /// <summary>Ends the block.</summary>
    /// <param name="bodyEnd">Where the body ends; all of it was read.</param>
    /// <param name="end">Where the block ends, closing marker included.</param>
    /// <param name="openError">Null where the block is closed; else what is told to the model.</param>
    public abstract void End(int bodyEnd, int end, string? openError);

    protected void Malformed(int rawStart, int rawEnd, TokenSpan span, string error) =>
        Output.EndCall(ToolCallJson.Malformed(Turn.Text(rawStart, rawEnd), span, error));
}
