namespace AgentRollout.Tokenization.Chat.ToolCalls.Python;

/// <summary>Reads a list of calls, <c>[f(a=1), g(b="x")]</c>, or calls one after another, each as soon as it is whole.</summary>
/// <param name="turn">The turn.</param>
/// <param name="output">Gets the calls.</param>
/// <param name="start">Where the list begins for the first call's span.</param>
/// <param name="bodyStart">Where its text begins.</param>
internal sealed class PythonCallList(TurnCursor turn, TurnBuilder output, int start, int bodyStart)
{
    private BracketTracker _brackets = new(singleQuotes: true);
    private readonly int _bodyStart = bodyStart;
    private int _position = bodyStart;
    private int _callStart = start;
    private int _textStart = -1; // of the call that is being read
    private bool _isList;
    private bool _hasCalls;

    /// <summary>Whether the list was closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>What stands before it is read.</summary>
    public int Position => _position;

    public void Read(int limit)
    {
        while (_position < limit && !IsClosed)
        {
            byte b = turn.Bytes[_position];
            if (_textStart < 0)
                ReadBetween(b);
            else
                ReadInCall(b);
        }
    }

    /// <summary>Ends the list; what is not whole is one malformed call.</summary>
    public void End(int bodyEnd, int end, string? openError)
    {
        if (_textStart < 0 && _hasCalls)
            return;
        int rawStart = _textStart < 0 ? _bodyStart : _textStart;
        string error = openError ?? "The tool call is not closed; write calls as [name(argument=value, …)].";
        output.EndCall(ToolCallJson.Malformed(turn.Text(rawStart, bodyEnd), turn.Tokens(_callStart, end), error));
    }

    private void ReadBetween(byte b)
    {
        switch ((char)b)
        {
            case ' ' or '\n' or '\r' or '\t' or ',':
                break;
            case '[' when !_isList && !_hasCalls:
                _isList = true;
                break;
            case ']' when _isList:
                IsClosed = true;
                break;
            default:
                _textStart = _position;
                if (_hasCalls)
                    _callStart = _position;
                return;
        }

        _position++;
    }

    private void ReadInCall(byte b)
    {
        _brackets.Feed(b);
        _position++;
        if (_brackets.Depth > 0 || _brackets.IsInString || b != ')')
            return;
        string text = turn.Text(_textStart, _position);
        output.EndCall(ReadCall(text, turn.Tokens(_callStart, _position)));
        _brackets = new BracketTracker(singleQuotes: true);
        _textStart = -1;
        _callStart = _position;
        _hasCalls = true;
    }

    /// <summary>A call that is whole.</summary>
    public static ParsedCall ReadCall(string text, TokenSpan span)
    {
        try
        {
            (string name, string arguments) = PythonReader.Call(text);
            return ToolCallJson.ReadArguments(arguments, name, text, span);
        }
        catch (PythonSyntaxException exception)
        {
            return ToolCallJson.Malformed(
                text, span, $"The tool call cannot be read: {exception.Message}; write it as name(argument=value, …) with literal values.");
        }
    }
}
