using System.Text;
using AgentRollout.Tokenization.Chat.ToolCalls.Python;

namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>A block that holds calls as tags. An argument is reported when its tag has ended.</summary>
internal sealed class TagBody : BlockBody
{
    private enum State
    {
        BeforeCall,
        Name,
        BeforeKey,
        Key,
        BeforeValue,
        Value,
    }

    private readonly TagShape _shape;
    private readonly Marker? _openCall;
    private readonly Marker? _behindName;
    private readonly Marker? _closeCall;
    private readonly Marker _openKey;
    private readonly Marker _closeKey;
    private readonly Marker? _openValue;
    private readonly Marker _closeValue;
    private readonly StringBuilder _arguments = new();
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
    private State _state;
    private int _position; // where the part that is being read begins
    private int _search; // up to where its end was looked for
    private int _callStart;
    private int _rawStart;
    private int _callEnd = -1; // of a call whose tag has ended and whose end the block's end may be
    private string? _error;
    private string? _name;
    private string _key = "";
    private bool _isText;
    private ArgumentTypes _types = new(null);

    public TagBody(BlockSource source, TagShape shape)
        : base(source)
    {
        _shape = shape;
        _openCall = Optional(shape.OpenCall);
        _behindName = Optional(shape.BehindName);
        _closeCall = Optional(shape.CloseCall);
        _openKey = source.Marker(shape.OpenKey);
        _closeKey = source.Marker(shape.CloseKey);
        _openValue = Optional(shape.OpenValue);
        _closeValue = source.Marker(shape.CloseValue);
        _callStart = source.Start;
        _rawStart = _position = _search = source.BodyStart;
        _state = _openCall is null ? State.Name : State.BeforeCall;
    }

    public override void Read(int limit)
    {
        while (Step(limit))
        {
        }
    }

    public override void End(int bodyEnd, int end, string? openError)
    {
        if (_state == State.BeforeCall && _callEnd >= 0)
        {
            CheckGap(bodyEnd);
            FinishCall(bodyEnd, end, openError);
            return;
        }

        if (_state == State.Name && _behindName is null)
            SetName(bodyEnd);
        else if (_state == State.BeforeKey && _closeCall is null)
            CheckGap(bodyEnd);
        else
            _error ??= $"The tool call is cut short; write {Example()}.";
        FinishCall(bodyEnd, end, openError);
    }

    private bool Step(int limit) => _state switch
    {
        State.BeforeCall => Reach(_openCall!, limit, out int start, out int end) && BeginCall(start, end),
        State.Name => ReadName(limit),
        State.BeforeKey => ReadBeforeKey(limit),
        State.Key => Reach(_closeKey, limit, out int start, out int end) && SetKey(start, end),
        State.BeforeValue => Reach(_openValue!, limit, out int start, out int end) && BeginValue(start, end),
        _ => Reach(_closeValue, limit, out int start, out int end) && SetValue(start, end),
    };

    private bool BeginCall(int start, int end)
    {
        CheckGap(start);
        if (_callEnd >= 0)
        {
            FinishCall(_callEnd, _callEnd, null);
            (_callStart, _rawStart) = (start, start);
        }

        return Enter(State.Name, end);
    }

    private bool ReadName(int limit)
    {
        if (!Reach(_behindName ?? _openKey, limit, out int start, out int end))
            return false;
        SetName(start);
        return Enter(_behindName is null ? State.Key : State.BeforeKey, end);
    }

    private void SetName(int end)
    {
        _name = Turn.Text(_position, end).Trim();
        if (_name.Length == 0 || _name.AsSpan().ContainsAny("<>\n"))
        {
            _error ??= $"The tool call has no function name; write {Example()}.";
            _name = null;
            return;
        }

        _types = ArgumentTypes.Of(_name, Source.Tools);
        Output.Name(_name);
    }

    /// <summary>Between arguments: the next one, or the end of the call.</summary>
    private bool ReadBeforeKey(int limit)
    {
        (int Start, int End)? key = Turn.Find(_openKey, _search, limit);
        (int Start, int End)? close = _closeCall is null ? null : Turn.Find(_closeCall, _search, limit);
        key = key?.End <= limit ? key : null;
        close = close?.End <= limit ? close : null;
        if (key is null && close is null)
        {
            _search = Math.Max(_search, limit - Math.Max(_openKey.Bytes.Length, _closeCall?.Bytes.Length ?? 0));
            return false;
        }

        if (close is null || key?.Start < close.Value.Start)
        {
            CheckGap(key!.Value.Start);
            return Enter(State.Key, key.Value.End);
        }

        CheckGap(close.Value.Start);
        _callEnd = close.Value.End;
        return Enter(State.BeforeCall, _callEnd);
    }

    private bool SetKey(int start, int end)
    {
        _key = Turn.Text(_position, start).Trim();
        if (!_keys.Add(_key))
            _error ??= $"The argument '{_key}' is given twice.";
        _isText = false;
        return Enter(_openValue is null ? State.Value : State.BeforeValue, end);
    }

    private bool BeginValue(int start, int end)
    {
        string between = Turn.Text(_position, start).Trim();
        _isText = between == "string=\"true\"";
        if (between.Length > 0 && !between.StartsWith("string=", StringComparison.Ordinal))
            _error ??= $"Between the key and the value of '{_key}' stands other text; write {Example()}.";
        return Enter(State.Value, end);
    }

    private bool SetValue(int start, int end)
    {
        string text = Turn.Text(_position, start);
        if (_shape.ValueHasOwnLines)
            text = WithoutOwnLines(text);
        string json = _isText ? PythonReader.Quote(text) : _types.ToJson(_key, text);
        string member = $"{(_arguments.Length == 0 ? "{" : ", ")}{PythonReader.Quote(_key)}: {json}";
        _arguments.Append(member);
        if (_error is null && _name is not null)
            Output.Arguments(Encoding.UTF8.GetBytes(member));
        return Enter(State.BeforeKey, end);
    }

    private void FinishCall(int rawEnd, int end, string? openError)
    {
        TokenSpan span = Turn.Tokens(_callStart, end);
        string rawText = Turn.Text(_rawStart, rawEnd);
        string arguments = _arguments.Length == 0 ? "{}" : $"{_arguments}}}";
        Output.EndCall((openError ?? _error) is { } error
            ? ToolCallJson.Malformed(rawText, span, error)
            : ToolCallJson.ReadArguments(arguments, _name!, rawText, span));
        _arguments.Clear();
        _keys.Clear();
        (_error, _name, _callEnd) = (null, null, -1);
    }

    /// <summary>Between tags stands nothing but white space.</summary>
    private void CheckGap(int end)
    {
        if (!Turn.Bytes[_position..end].Trim(" \n\r\t"u8).IsEmpty)
            _error ??= $"Between the tags of the tool call stands other text; write {Example()}.";
    }

    private bool Enter(State state, int position)
    {
        (_state, _position, _search) = (state, position, position);
        return true;
    }

    private bool Reach(Marker marker, int limit, out int start, out int end)
    {
        (start, end) = Turn.Find(marker, _search, limit) ?? (limit, limit + 1);
        if (end <= limit)
            return true;
        _search = Math.Max(_search, limit - marker.Bytes.Length);
        return false;
    }

    private string Example() =>
        $"{_shape.OpenCall}NAME{_shape.BehindName}{_shape.OpenKey}KEY{_shape.CloseKey}{_shape.OpenValue}VALUE{_shape.CloseValue}{_shape.CloseCall}";

    private Marker? Optional(string? text) => text is null ? null : Source.Marker(text);

    private static string WithoutOwnLines(string text)
    {
        int start = text.StartsWith('\n') ? 1 : 0;
        int end = text.Length > start && text.EndsWith('\n') ? text.Length - 1 : text.Length;
        return text[start..end];
    }
}
