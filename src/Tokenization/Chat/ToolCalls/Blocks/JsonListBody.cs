namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>A block that holds calls as a JSON list of objects; a single object counts as a list of one.</summary>
internal sealed class JsonListBody(BlockSource source, JsonCallShape shape) : BlockBody(source)
{
    private JsonCallScanner? _scanner;
    private int _position = source.BodyStart;
    private int _callStart = source.Start; // of the next call, the list's opening included in the first
    private int _objectStart = source.BodyStart;
    private bool _isListOpen;
    private bool _needsComma;
    private bool _isBroken; // something else than a list of objects: the rest is one malformed call

    private bool HasCalls => _callStart != Source.Start;

    public override void Read(int limit)
    {
        while (_position < limit && !_isBroken)
        {
            if (_scanner is not null)
                ReadObject(limit);
            else
                ReadBetween(Turn.Bytes[_position]);
        }
    }

    public override void End(int bodyEnd, int end, string? openError)
    {
        if (HasCalls && _scanner is null && !_isBroken)
            return; // where only the end of the list is missing, every call is whole
        int rawStart = HasCalls ? _callStart : Source.BodyStart;
        string error = openError ?? $"The tool calls are not a JSON list of objects; write [{{\"{shape.NameMember}\": <name>, \"{shape.ArgumentMembers[0]}\": <object>}}].";
        Malformed(rawStart, bodyEnd, Turn.Tokens(_callStart, end), error);
    }

    private void ReadObject(int limit)
    {
        _position += _scanner!.Feed(Turn.Bytes[_position..limit]);
        if (!_scanner.IsComplete)
            return;
        string text = Turn.Text(_objectStart, _position);
        Output.EndCall(ToolCallJson.Read(text, text, Turn.Tokens(_callStart, _position), shape));
        _scanner = null;
        _callStart = _position;
        _needsComma = true;
    }

    private void ReadBetween(byte b)
    {
        switch ((char)b)
        {
            case ' ' or '\n' or '\r' or '\t':
                break;
            case '[' when !_isListOpen && !HasCalls:
                _isListOpen = true;
                break;
            case ']' when _isListOpen:
                _isListOpen = false;
                break;
            case ',' when _isListOpen && _needsComma:
                _needsComma = false;
                break;
            case '{' when !_needsComma:
                _objectStart = _position;
                if (HasCalls)
                    _callStart = _position;
                _scanner = new JsonCallScanner(Output, shape);
                return;
            default:
                _isBroken = true;
                if (HasCalls)
                    _callStart = _position;
                return;
        }

        _position++;
    }
}
