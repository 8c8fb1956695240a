using System.Runtime.InteropServices;
using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// Follows a call's JSON object byte by byte: where it ends, its name, and its arguments as they arrive. Lenient: what is wrong with the
/// object is found when it is parsed as a whole.
/// </summary>
/// <param name="output">Gets name and arguments.</param>
/// <param name="shape">The members to look for.</param>
/// <param name="namesWithArguments">Whether the name is only certain when the arguments begin.</param>
internal sealed class JsonCallScanner(TurnBuilder output, JsonCallShape shape, bool namesWithArguments = false)
{
    private readonly List<byte> _string = [];
    private int _depth;
    private bool _inString;
    private bool _isEscaped;
    private bool _isValue;
    private bool _hasArguments;
    private bool _isForwarding;
    private string? _key;
    private string? _name;

    /// <summary>Whether the outermost value has ended.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether name and arguments were both seen: nothing but a call looks like this.</summary>
    public bool IsCall => _name is not null && _hasArguments;

    /// <summary>Reads bytes up to the end of the outermost value, and returns how many.</summary>
    public int Feed(ReadOnlySpan<byte> bytes)
    {
        int forwardFrom = 0;
        int i = 0;
        while (i < bytes.Length && !IsComplete)
        {
            byte b = bytes[i];
            bool wasForwarding = _isForwarding;
            if (_inString)
                ReadInString(b);
            else
                ReadOutside(b);
            i++;
            if (!wasForwarding && _isForwarding)
                forwardFrom = i - 1;
            else if (wasForwarding && !_isForwarding)
                output.Arguments(bytes[forwardFrom..i]);
        }

        if (_isForwarding)
            output.Arguments(bytes[forwardFrom..i]);
        return i;
    }

    private void ReadInString(byte b)
    {
        if (!_isEscaped && b == '"')
        {
            _inString = false;
            if (_depth == 1)
                EndString();
            return;
        }

        _isEscaped = !_isEscaped && b == '\\';
        if (_depth == 1)
            _string.Add(b);
    }

    private void ReadOutside(byte b)
    {
        switch ((char)b)
        {
            case '"':
                _inString = true;
                _string.Clear();
                break;
            case '{' or '[':
                BeginArguments(b);
                _depth++;
                break;
            case '}' or ']':
                _depth--;
                _isForwarding &= _depth != 1;
                IsComplete = _depth <= 0;
                break;
            case ':' when _depth == 1:
                _isValue = true;
                break;
            case ',' when _depth == 1:
                (_isValue, _key) = (false, null);
                break;
        }
    }

    private void BeginArguments(byte b)
    {
        if (_depth != 1 || !_isValue || b != '{' || _hasArguments || _key is null || !shape.ArgumentMembers.Contains(_key))
            return;
        _hasArguments = _isForwarding = true;
        if (_name is not null)
            output.Name(_name);
    }

    private void EndString()
    {
        string? text = Unescaped();
        if (!_isValue)
        {
            _key = text;
            return;
        }

        if (_key != shape.NameMember || _name is not null || string.IsNullOrWhiteSpace(text))
            return;
        _name = text;
        if (!namesWithArguments || _hasArguments)
            output.Name(text);
    }

    private string? Unescaped()
    {
        try
        {
            return JsonElement.Parse([(byte)'"', .. CollectionsMarshal.AsSpan(_string), (byte)'"']).GetString();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
