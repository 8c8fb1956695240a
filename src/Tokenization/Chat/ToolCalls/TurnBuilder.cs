using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Collects what a format finds in a turn, and reports it as it becomes certain.</summary>
internal sealed class TurnBuilder(TurnCursor turn)
{
    private readonly TextChannel _content = new(keepsEnd: true);
    private readonly TextChannel _reasoning = new(keepsEnd: false);
    private readonly List<ParsedCall> _calls = [];
    private readonly StringBuilder _arguments = new(); // of the open call, as reported
    private List<TurnDelta> _deltas = [];
    private List<byte> _early = []; // arguments that stand before the name
    private Decoder _decoder = Encoding.UTF8.GetDecoder();
    private string? _name;
    private bool _hasReasoning;

    public ParsedTurn Turn => new(_content.ToString(), _hasReasoning ? _reasoning.ToString() : null, _calls);

    public void Content(int from, int to)
    {
        _content.Append(turn.Bytes[from..to]);
        if (_content.Take() is { Length: > 0 } text)
            _deltas.Add(new ContentDelta(text));
    }

    /// <summary>Ends a part of the content where a marker or a call stands.</summary>
    public void BreakContent()
    {
        _content.Break();
        if (_content.Take() is { Length: > 0 } text)
            _deltas.Add(new ContentDelta(text));
    }

    public void BeginReasoning()
    {
        if (_hasReasoning)
            _reasoning.Break();
        _hasReasoning = true;
        _content.TrimStart();
    }

    public void Reasoning(int from, int to)
    {
        _reasoning.Append(turn.Bytes[from..to]);
        if (_reasoning.Take() is { Length: > 0 } text)
            _deltas.Add(new ReasoningDelta(text));
    }

    /// <summary>The open call's function is known.</summary>
    public void Name(string name)
    {
        if (_name is not null)
            return;
        _name = name;
        _deltas.Add(new CallStarted(_calls.Count, name));
        if (_early.Count > 0)
            Arguments([.. _early]);
        _early.Clear();
    }

    /// <summary>Further bytes of the open call's arguments, which are JSON.</summary>
    public void Arguments(ReadOnlySpan<byte> json)
    {
        if (_name is null)
        {
            _early.AddRange(json);
            return;
        }

        char[] chars = new char[_decoder.GetCharCount(json, flush: false)];
        _decoder.GetChars(json, chars, flush: false);
        ReportArguments(new string(chars));
    }

    /// <summary>Ends the open call. What was reported of it is part of the result, even where the call turns out to be malformed.</summary>
    public void EndCall(ParsedCall call)
    {
        if (call.Outcome == ParseOutcome.Ok)
        {
            Name(call.Name!);
            ReportArguments(call.ArgumentsText[_arguments.Length..]);
        }
        else
        {
            call = call with { Name = _name, ArgumentsText = _arguments.ToString() };
        }

        _deltas.Add(new CallFinished(_calls.Count, call));
        _calls.Add(call);
        _name = null;
        _early = [];
        _arguments.Clear();
        _decoder = Encoding.UTF8.GetDecoder();
    }

    public void Finish()
    {
        _content.Finish();
        _reasoning.Finish();
        if (_reasoning.Take() is { Length: > 0 } reasoning)
            _deltas.Add(new ReasoningDelta(reasoning));
        if (_content.Take() is { Length: > 0 } content)
            _deltas.Add(new ContentDelta(content));
    }

    public IReadOnlyList<TurnDelta> TakeDeltas()
    {
        List<TurnDelta> deltas = _deltas;
        _deltas = [];
        return deltas;
    }

    private void ReportArguments(string text)
    {
        if (text.Length == 0)
            return;
        _arguments.Append(text);
        _deltas.Add(new ArgumentsDelta(_calls.Count, text));
    }
}
