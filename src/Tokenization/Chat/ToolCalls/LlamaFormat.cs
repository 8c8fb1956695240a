using System.Text.Json;
using AgentRollout.Tokenization.Chat.ToolCalls.Python;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// Llama 3's form: the turn is JSON objects <c>{"name": …, "parameters": {…}}</c>, with semicolons between several, optionally after
/// <c>&lt;|python_tag|&gt;</c>; behind that also <c>name.call(key="value")</c>, the form of its built-in tools. An object that does not look
/// like a call is an answer that happens to be JSON.
/// </summary>
internal sealed class LlamaFormat : TurnFormat
{
    private enum State
    {
        Text,
        BeforeCall,
        Object,
        Rest,
        Answer,
    }

    private readonly Marker _tag;
    private State _state = State.BeforeCall;
    private JsonCallScanner? _scanner;
    private int _callStart;
    private int _objectStart;
    private bool _isCertain; // a tag says that a call stands here, so that anything else is a malformed one
    private bool _hasCalls;

    public LlamaFormat(TurnCursor turn, TurnBuilder output, Func<string, Marker> marker)
        : base(turn, output) => _tag = marker("<|python_tag|>");

    public override void Advance()
    {
        bool goesOn = true;
        while (goesOn)
        {
            goesOn = _state switch
            {
                State.Text => ReadText(),
                State.BeforeCall => ReadBeforeCall(),
                State.Object => ReadObject(),
                State.Rest => ReadRest(),
                _ => ReadAnswer(),
            };
        }
    }

    private bool ReadText()
    {
        MarkerHit hit = Turn.Scan([_tag]);
        Output.Content(hit.TextStart, hit.TextEnd);
        if (hit.Marker is null)
            return false;
        BeginTagged(hit.TextEnd);
        return true;
    }

    private void BeginTagged(int start)
    {
        Output.BreakContent();
        _isCertain = true;
        _callStart = start;
        _state = State.BeforeCall;
    }

    private bool ReadBeforeCall()
    {
        int position = Turn.Position;
        while (position < Turn.Length && (IsSpace(Turn.Bytes[position]) || (_hasCalls && Turn.Bytes[position] == ';')))
            position++;
        if (position == Turn.Length)
        {
            if (Turn.IsFinished && _isCertain)
                return Enter(State.Rest, position);
            return Turn.IsFinished && !_hasCalls && Enter(State.Answer, Turn.Position);
        }

        if (!_isCertain)
            _callStart = position;
        _objectStart = position;
        if (Turn.Bytes[position] == '{')
        {
            _scanner = new JsonCallScanner(Output, JsonCallShape.Parameters, namesWithArguments: true);
            Turn.Position = position;
            return Enter(State.Object, position);
        }

        if (_isCertain)
            return Enter(State.Rest, position);
        return Enter(_hasCalls ? State.Answer : State.Text, _hasCalls ? position : Turn.Position);
    }

    private bool ReadObject()
    {
        Turn.Position += _scanner!.Feed(Turn.Bytes[Turn.Position..]);
        if (!_scanner.IsComplete && !Turn.IsFinished)
            return false;
        string text = Turn.Text(_objectStart, Turn.Position);
        if (!_isCertain && !_scanner.IsCall && !LooksLikeCall(text))
            return Enter(_hasCalls ? State.Answer : State.Text, _hasCalls ? _objectStart : TextStart());
        Output.BreakContent();
        Output.EndCall(ToolCallJson.Read(text, text, Turn.Tokens(_callStart, Turn.Position), JsonCallShape.Parameters));
        (_isCertain, _hasCalls, _callStart) = (false, true, Turn.Position);
        return Enter(State.BeforeCall, Turn.Position);
    }

    /// <summary>Behind a tag stands no object: a call of a built-in tool, or what was meant as one.</summary>
    private bool ReadRest()
    {
        Turn.Position = Turn.Length;
        if (!Turn.IsFinished)
            return false;
        string text = Turn.Text(_objectStart, Turn.Length);
        TokenSpan span = Turn.Tokens(_callStart, Turn.Length);
        ParsedCall call = PythonCallList.ReadCall(text.Trim(), span);
        const string BuiltIn = ".call";
        Output.EndCall(call is { Outcome: ParseOutcome.Ok, Name: { } name } && name.EndsWith(BuiltIn, StringComparison.Ordinal) && name.Length > BuiltIn.Length
            ? call with { Name = name[..^BuiltIn.Length], RawText = text }
            : ToolCallJson.Read(text, text, span, JsonCallShape.Parameters));
        (_isCertain, _hasCalls) = (false, true);
        return Enter(State.Answer, Turn.Length);
    }

    /// <summary>Text that no call can follow.</summary>
    private bool ReadAnswer()
    {
        Output.Content(Turn.Position, Turn.Length);
        Turn.Position = Turn.Length;
        return false;
    }

    private bool Enter(State state, int position)
    {
        _state = state;
        Turn.Position = position;
        return true;
    }

    /// <summary>Only the turn's first object can turn out to be text: what stands before it is white space.</summary>
    private static int TextStart() => 0;

    /// <summary>An object with a name and arguments, or with nothing but a name; or a broken one whose first member is the name.</summary>
    private static bool LooksLikeCall(string text)
    {
        if (ToolCallJson.TryParse(text, out JsonElement value) is not null)
            return text[1..].TrimStart().StartsWith("\"name\"", StringComparison.Ordinal);
        return value.TryGetProperty("name", out _)
            && (value.TryGetProperty("parameters", out _) || value.TryGetProperty("arguments", out _) || value.EnumerateObject().Count() == 1);
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';
}
