using System.Text;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>
/// One answer of a chat call as it grows, and what of it a stream has not said yet. What it says is never taken back, and joined it is the whole
/// answer. A call whose function cannot be read is text, and so is any where no tools are offered.
/// </summary>
/// <param name="index">Its place among the answers.</param>
/// <param name="call">What was asked for.</param>
/// <param name="reader">Reads reasoning and calls; null where the answer is text.</param>
internal sealed class ChatChoice(int index, ChatCall call, TurnReader? reader)
{
    private readonly StringBuilder _content = new();
    private readonly StringBuilder _held = new(); // content that may be the beginning of a stop text
    private readonly Dictionary<int, int> _places = []; // of the calls that are reported, by their place in the turn
    private readonly List<ParsedCall> _calls = [];
    private readonly string _name = Guid.NewGuid().ToString("N")[..16];
    private List<TurnDelta> _deltas = [];
    private int _read; // tokens, or characters where the answer is text

    public int Index => index;

    /// <summary>Its tokens; set by the first <see cref="Read"/>.</summary>
    public DialectAnswer Answer { get; private set; } = null!;

    /// <summary>The text outside of reasoning and calls.</summary>
    public string Content => _content.ToString();

    /// <summary>The reasoning, or null where there is none.</summary>
    public string? Reasoning => reader?.Turn.Reasoning;

    /// <summary>The finished calls whose function is known; their arguments may be malformed.</summary>
    public IReadOnlyList<ParsedCall> Calls => _calls;

    /// <summary>Takes in what the answer has grown by.</summary>
    public void Read(DialectAnswer answer)
    {
        Answer = answer;
        if (reader is null)
            ReadText(answer.Text);
        else
            ReadTurn(reader, answer);
    }

    /// <summary>What became certain since the last time; calls are numbered as in <see cref="Calls"/>.</summary>
    public IReadOnlyList<TurnDelta> TakeDeltas()
    {
        List<TurnDelta> deltas = _deltas;
        _deltas = [];
        return deltas;
    }

    /// <summary>A call's name in the protocols, unique among the answers of all servers.</summary>
    public string CallId(string prefix, int place) => $"{prefix}{_name}{place:x8}";

    private void ReadText(AnswerText text)
    {
        int certain = text.Certain;
        if (certain <= _read)
            return;
        Say(text.Slice(_read, certain));
        _read = certain;
    }

    private void ReadTurn(TurnReader turn, DialectAnswer answer)
    {
        // A token that ends the answer is no part of what it says.
        int count = answer.Tokens.Count - (answer.Finish?.StopToken is null ? 0 : 1);
        if (count > _read)
            Take(turn.Append([.. answer.Tokens.Skip(_read).Take(count - _read)]));
        _read = count;
        if (answer.Finish is not { } finish)
            return;
        Take(turn.Finish());
        string rest = _held.ToString();
        int stop = finish.StopText is { } text && !call.KeepsStop ? rest.IndexOf(text, StringComparison.Ordinal) : -1;
        _held.Clear();
        Say(stop < 0 ? rest : rest[..stop]);
    }

    private void Take(IReadOnlyList<TurnDelta> deltas)
    {
        foreach (TurnDelta delta in deltas)
        {
            switch (delta)
            {
                case ContentDelta content:
                    Hold(content.Text);
                    break;
                case CallStarted started when call.Tools.Count > 0:
                    int place = _places.Count;
                    _places[started.Index] = place;
                    Add(started with { Index = place });
                    break;
                case ArgumentsDelta arguments when _places.TryGetValue(arguments.Index, out int at):
                    Add(arguments with { Index = at });
                    break;
                case CallFinished finished when _places.TryGetValue(finished.Index, out int at):
                    _calls.Add(finished.Call);
                    Add(finished with { Index = at });
                    break;
                case CallFinished finished:
                    Hold(finished.Call.RawText);
                    break;
                case ReasoningDelta:
                    Add(delta);
                    break;
            }
        }
    }

    /// <summary>Adds something behind the content so far, in which no stop text can be completed any more.</summary>
    private void Add(TurnDelta delta)
    {
        string held = _held.ToString();
        if (!call.StopTexts.Any(stop => held.Contains(stop, StringComparison.Ordinal)))
        {
            _held.Clear();
            Say(held);
        }

        _deltas.Add(delta);
    }

    private void Hold(string text)
    {
        if (call.StopTexts.Count == 0)
        {
            Say(text);
            return;
        }

        string pending = _held.Append(text).ToString();
        if (call.StopTexts.Any(stop => pending.Contains(stop, StringComparison.Ordinal)))
            return;
        int certain = pending.Length - call.StopTexts.Max(stop => Beginning(stop, pending));
        _held.Remove(0, certain);
        Say(pending[..certain]);
    }

    /// <summary>How many characters at the end of a text may be the beginning of a stop text.</summary>
    private static int Beginning(string stop, string text)
    {
        int length = Math.Min(stop.Length - 1, text.Length);
        while (length > 0 && !text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
            length--;
        return length;
    }

    private void Say(string text)
    {
        if (text.Length == 0)
            return;
        _content.Append(text);
        _deltas.Add(new ContentDelta(text));
    }
}
