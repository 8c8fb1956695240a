namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Follows brackets and strings of JSON or Python byte by byte, to find where a value ends.</summary>
/// <param name="singleQuotes">Whether <c>'</c> opens a string too, as in Python.</param>
internal sealed class BracketTracker(bool singleQuotes)
{
    private byte _quote; // of the open string, 0 outside
    private bool _isEscaped;

    public int Depth { get; private set; }

    public bool IsInString => _quote != 0;

    public void Feed(byte b)
    {
        if (_quote != 0)
        {
            if (!_isEscaped && b == _quote)
                _quote = 0;
            _isEscaped = !_isEscaped && b == '\\';
        }
        else if (b == '"' || (singleQuotes && b == '\''))
        {
            (_quote, _isEscaped) = (b, false);
        }
        else if (b is (byte)'{' or (byte)'[' or (byte)'(')
        {
            Depth++;
        }
        else if (b is (byte)'}' or (byte)']' or (byte)')')
        {
            Depth--;
        }
    }
}
