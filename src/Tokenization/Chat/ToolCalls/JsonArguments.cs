namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Reports arguments that stand alone as a JSON object, as they arrive. Anything else waits until it is parsed as a whole.</summary>
internal sealed class JsonArguments(TurnBuilder output)
{
    private readonly BracketTracker _brackets = new(singleQuotes: false);
    private bool _isObject;
    private bool _isDone;

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        int start = 0;
        int position = 0;
        while (position < bytes.Length && !_isDone)
        {
            byte b = bytes[position++];
            if (!_isObject && b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            {
                start = position;
                continue;
            }

            _isDone = !_isObject && b != '{';
            _isObject |= !_isDone;
            _brackets.Feed(b);
            _isDone |= _brackets.Depth <= 0;
        }

        if (_isObject && start < position)
            output.Arguments(bytes[start..position]);
    }
}
