namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>Reads a turn of text, reasoning and blocks of calls.</summary>
internal sealed class BlockFormat : TurnFormat
{
    private enum State
    {
        Start,
        Reasoning,
        Text,
        Block,
    }

    private readonly BlockGrammar _grammar;
    private readonly Func<string, Marker> _marker;
    private readonly IReadOnlyList<FunctionSchema> _tools;
    private readonly bool? _reasoningIsOpen;
    private readonly Marker _open;
    private readonly Marker? _close;
    private readonly Marker _openReasoning;
    private readonly Marker _closeReasoning;
    private readonly Marker[] _atStart;
    private readonly Marker[] _inReasoning;
    private readonly Marker[] _inText;
    private readonly Marker[] _inBlock;
    private State _state;
    private int _reasoningStart;
    private BlockBody? _body;

    public BlockFormat(TurnCursor turn, TurnBuilder output, BlockGrammar grammar, TurnContext context, Func<string, Marker> marker)
        : base(turn, output)
    {
        _grammar = grammar;
        _marker = marker;
        _tools = context.Tools;
        _reasoningIsOpen = context.ReasoningIsOpen;
        _open = marker(grammar.Open);
        _close = grammar.Close is null ? null : marker(grammar.Close);
        _openReasoning = marker(grammar.OpenReasoning);
        _closeReasoning = marker(grammar.CloseReasoning);
        _inText = [_open, .. grammar.Ignored.Select(marker)];
        _inReasoning = [_openReasoning, _closeReasoning];
        _atStart = [.. _inReasoning, .. _inText];
        _inBlock = _close is null ? _inText : [_open, _close];
        if (_reasoningIsOpen == true)
            BeginReasoning();
    }

    public override void Advance()
    {
        bool goesOn = true;
        while (goesOn)
        {
            goesOn = _state switch
            {
                State.Start => ReadStart(),
                State.Reasoning => ReadReasoning(),
                State.Text => ReadText(),
                _ => ReadBlock(),
            };
        }
    }

    /// <summary>
    /// Decides whether the turn begins with reasoning. The prompt may have opened it, so that the turn has only its end: where that is not
    /// known, text waits until something decides.
    /// </summary>
    private bool ReadStart()
    {
        MarkerHit hit = Turn.Scan(_atStart);
        bool isBlank = IsBlank(0, hit.TextEnd);
        bool opens = isBlank && hit.Marker == _openReasoning;
        bool closes = hit.Marker == _closeReasoning && _reasoningIsOpen is null;
        if (opens || closes)
        {
            Turn.Position = 0;
            BeginReasoning();
            return true;
        }

        bool isReasoningMarker = hit.Marker == _openReasoning || hit.Marker == _closeReasoning;
        if (hit.Marker is not null && (!isReasoningMarker || _reasoningIsOpen is false))
            return BeginText();
        if (hit.Marker is not null)
            return true;
        return (Turn.IsFinished || (_reasoningIsOpen is false && !isBlank)) && BeginText();
    }

    private bool BeginText()
    {
        Turn.Position = 0;
        _state = State.Text;
        return true;
    }

    private void BeginReasoning()
    {
        _state = State.Reasoning;
        _reasoningStart = Turn.Position;
        Output.BeginReasoning();
    }

    private bool ReadReasoning()
    {
        MarkerHit hit = Turn.Scan(_inReasoning);
        bool isOpening = hit.Marker == _openReasoning && IsBlank(_reasoningStart, hit.TextEnd);
        if (!isOpening)
            Output.Reasoning(hit.TextStart, hit.Marker == _openReasoning ? hit.End : hit.TextEnd);
        if (hit.Marker == _closeReasoning)
            _state = State.Text;
        return hit.Marker is not null;
    }

    private bool ReadText()
    {
        MarkerHit hit = Turn.Scan(_inText);
        Output.Content(hit.TextStart, hit.TextEnd);
        if (hit.Marker is null)
            return false;
        Output.BreakContent();
        if (hit.Marker == _open)
            BeginBlock(hit.TextEnd, hit.End);
        return true;
    }

    private void BeginBlock(int start, int bodyStart)
    {
        _state = State.Block;
        _body = _grammar.Begin(new BlockSource(Turn, Output, _tools, _marker, start, bodyStart));
    }

    private bool ReadBlock()
    {
        MarkerHit hit = Turn.Scan(_inBlock);
        _body!.Read(hit.TextEnd);
        if (hit.Marker is null && !Turn.IsFinished)
            return false;
        bool isClosed = _close is null || hit.Marker == _close;
        if (hit.Marker != _close)
            Turn.Position = hit.TextEnd; // what interrupts a block is read as what it is
        _state = State.Text;
        _body.End(hit.TextEnd, Turn.Position, isClosed ? null : $"The tool call is not closed; end it with {_grammar.Close}.");
        return true;
    }

    private bool IsBlank(int from, int to) => Turn.Bytes[from..to].Trim(" \n\r\t"u8).IsEmpty;
}
