using System.Text;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects;

/// <summary>
/// The text of an answer as it grows, and the stop texts that end it. These are looked for in all of the text, control tokens included, token by
/// token: where the answer ends does not depend on how the engine cut it into chunks.
/// </summary>
internal sealed class AnswerText
{
    private readonly IReadOnlyList<string> _stops;
    private readonly int _longestStop;
    private readonly bool _keepsStop;
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _whole = new();
    private readonly StreamingDecoder _decoder;
    private readonly StreamingDecoder _wholeDecoder;
    private int _beforeLast;
    private bool _isEnded;

    public AnswerText(Tokenizer tokenizer, DialectCall call)
    {
        _stops = call.StopTexts;
        _longestStop = _stops.Count == 0 ? 0 : _stops.Max(stop => stop.Length);
        _keepsStop = call.KeepsStop;
        _decoder = new StreamingDecoder(tokenizer, call.SkipsSpecialTokens);
        _wholeDecoder = new StreamingDecoder(tokenizer);
    }

    /// <summary>All of the text.</summary>
    public string Value => _text.ToString();

    /// <summary>Characters that no later token takes back: what may be the beginning of a stop text is not among them.</summary>
    public int Certain => _isEnded ? _text.Length : _text.Length - HeldBack();

    /// <summary>A part of the text.</summary>
    public string Slice(int start, int end) => _text.ToString(start, end - start);

    /// <summary>Adds a token; returns the stop text that it completes, the earliest where there are several, or null.</summary>
    public string? Append(int token)
    {
        _beforeLast = _text.Length;
        _text.Append(_decoder.Append([token]));
        if (_stops.Count == 0)
            return null;
        int start = Math.Max(0, _whole.Length - _longestStop + 1);
        _whole.Append(_wholeDecoder.Append([token]));
        return FindStop(_whole.ToString(start, _whole.Length - start));
    }

    /// <summary>Ends the text, without the stop text that ended it unless that is to be kept.</summary>
    public void End(string? stopText)
    {
        _text.Append(_decoder.Flush());
        _isEnded = true;
        if (stopText is null || _keepsStop)
            return;
        int start = Math.Max(0, _beforeLast - stopText.Length + 1);
        int index = _text.ToString(start, _text.Length - start).IndexOf(stopText, StringComparison.Ordinal);
        if (index >= 0)
            _text.Length = start + index;
    }

    private string? FindStop(string tail)
    {
        (int First, string? Stop) found = (int.MaxValue, null);
        foreach (string stop in _stops)
        {
            int index = tail.IndexOf(stop, StringComparison.Ordinal);
            if (index >= 0 && index < found.First)
                found = (index, stop);
        }

        return found.Stop;
    }

    private int HeldBack()
    {
        if (_longestStop == 0)
            return 0;
        string tail = _text.ToString(Math.Max(0, _text.Length - _longestStop + 1), Math.Min(_text.Length, Math.Max(0, _longestStop - 1)));
        for (int length = tail.Length; length > 0; length--)
        {
            if (_stops.Any(stop => stop.AsSpan().StartsWith(tail.AsSpan(tail.Length - length))))
                return length;
        }

        return 0;
    }
}
