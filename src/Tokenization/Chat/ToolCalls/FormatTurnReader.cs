namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Feeds a format with the tokens of one turn.</summary>
internal sealed class FormatTurnReader : TurnReader
{
    private readonly TurnCursor _turn;
    private readonly TurnBuilder _output;
    private readonly TurnFormat _format;

    public FormatTurnReader(TurnCursor turn, Func<TurnCursor, TurnBuilder, TurnFormat> begin)
    {
        _turn = turn;
        _output = new TurnBuilder(turn);
        _format = begin(turn, _output);
    }

    public override ParsedTurn Turn => _output.Turn;

    public override IReadOnlyList<TurnDelta> Append(ReadOnlySpan<int> tokens)
    {
        _turn.Append(tokens);
        _format.Advance();
        return _output.TakeDeltas();
    }

    public override IReadOnlyList<TurnDelta> Finish()
    {
        _turn.Finish();
        _format.Advance();
        _output.Finish();
        return _output.TakeDeltas();
    }
}
