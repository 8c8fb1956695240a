namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// gpt-oss's form: messages with a header and a body. The channel <c>analysis</c> is reasoning; a message to <c>functions.NAME</c> is a call;
/// everything else is text. The turn begins inside the header of its first message.
/// </summary>
internal sealed class HarmonyFormat : TurnFormat
{
    private const string Recipient = "to=";
    private const string FunctionNamespace = "functions.";

    private readonly Marker _message;
    private readonly Marker _start;
    private readonly Marker[] _inHeader;
    private readonly Marker[] _inBody;
    private readonly Marker _channel;
    private JsonArguments? _arguments;
    private Kind _kind = Kind.Header;
    private int _messageStart;
    private int _bodyStart;
    private string _name = "";

    public HarmonyFormat(TurnCursor turn, TurnBuilder output, Func<string, Marker> marker)
        : base(turn, output)
    {
        _message = marker("<|message|>");
        _start = marker("<|start|>");
        _channel = marker("<|channel|>");
        Marker[] ends = [marker("<|end|>"), marker("<|return|>"), marker("<|call|>")];
        _inHeader = [_message, _start, .. ends];
        _inBody = [_start, .. ends];
    }

    private enum Kind
    {
        Header,
        Reasoning,
        Call,
        Text,
    }

    public override void Advance()
    {
        while (_kind == Kind.Header ? ReadHeader() : ReadBody())
        {
        }
    }

    private bool ReadHeader()
    {
        int start = Turn.Position;
        MarkerHit hit = Turn.Scan(_inHeader);
        if (hit.Marker == _message)
        {
            BeginBody(start, hit);
            return true;
        }

        if (hit.Marker is not null)
        {
            // A header without a body says nothing; text that stands without any header is the answer.
            ReadBareText(start, hit.TextEnd);
            _messageStart = hit.Marker == _start ? hit.TextEnd : hit.End;
            return true;
        }

        if (Turn.IsFinished)
            ReadBareText(start, hit.TextEnd);
        else
            Turn.Position = start;
        return false;
    }

    /// <summary>Text where a header should be: without a channel it is an answer, else a header that was cut.</summary>
    private void ReadBareText(int from, int to)
    {
        bool isFirst = from == 0;
        if (isFirst && Turn.Find(_channel, from, to) is null && !Turn.Text(from, to).TrimStart().StartsWith(Recipient, StringComparison.Ordinal))
            Output.Content(from, to);
        else if (Turn.Text(from, to).Contains(Recipient, StringComparison.Ordinal))
            Output.EndCall(ToolCallJson.Malformed(Turn.Text(from, to), Turn.Tokens(_messageStart, to), "The tool call has no arguments; write <|message|> and the arguments as one JSON object."));
    }

    private void BeginBody(int headerStart, MarkerHit hit)
    {
        string header = Turn.Text(headerStart, hit.TextEnd);
        int recipient = header.IndexOf(Recipient, StringComparison.Ordinal);
        int channel = header.IndexOf(_channel.Text, StringComparison.Ordinal);
        _name = recipient < 0 ? "" : FirstWord(header[(recipient + Recipient.Length)..]);
        string channelName = channel < 0 ? "" : FirstWord(header[(channel + _channel.Text.Length)..]);
        _bodyStart = hit.End;
        if (_name.Length > 0 && _name is not ("user" or "assistant" or "all"))
            BeginCall();
        else
            _kind = channelName == "analysis" ? Kind.Reasoning : Kind.Text;
        if (_kind == Kind.Reasoning)
            Output.BeginReasoning();
        if (_kind == Kind.Text && headerStart > 0)
            Output.BreakContent();
    }

    private void BeginCall()
    {
        _kind = Kind.Call;
        if (_name.StartsWith(FunctionNamespace, StringComparison.Ordinal))
            _name = _name[FunctionNamespace.Length..];
        _arguments = new JsonArguments(Output);
        Output.BreakContent();
        if (_name.Length > 0)
            Output.Name(_name);
    }

    private static string FirstWord(string text)
    {
        int end = text.AsSpan().IndexOfAny(" \n\t<");
        return end < 0 ? text : text[..end];
    }

    private bool ReadBody()
    {
        MarkerHit hit = Turn.Scan(_inBody);
        if (_kind == Kind.Reasoning)
            Output.Reasoning(hit.TextStart, hit.TextEnd);
        else if (_kind == Kind.Text)
            Output.Content(hit.TextStart, hit.TextEnd);
        else
            _arguments!.Feed(Turn.Bytes[hit.TextStart..hit.TextEnd]);
        bool isOver = hit.Marker is not null || Turn.IsFinished;
        if (isOver && _kind == Kind.Call)
            EndCall(hit);
        if (isOver)
            (_kind, _messageStart) = (Kind.Header, hit.Marker == _start ? hit.TextEnd : hit.End);
        return hit.Marker is not null;
    }

    private void EndCall(MarkerHit hit)
    {
        int end = hit.Marker is null || hit.Marker == _start ? hit.TextEnd : hit.End;
        string text = Turn.Text(_bodyStart, hit.TextEnd);
        TokenSpan span = Turn.Tokens(_messageStart, end);
        ParsedCall call = _name.Length == 0
            ? ToolCallJson.Malformed(text, span, "The tool call has no function name; write to=functions.NAME.")
            : ToolCallJson.ReadArguments(text, _name, text, span);
        bool isCut = call.Outcome != ParseOutcome.Ok && hit.Marker is null;
        Output.EndCall(isCut ? call with { Error = "The tool call is not closed; end it with <|call|>." } : call);
    }
}
