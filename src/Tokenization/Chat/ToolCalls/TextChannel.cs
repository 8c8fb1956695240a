using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// Text that comes in parts with calls between them. White space at the edges of a part belongs to the format, not to the text: what may turn
/// out to stand at an edge is held back. Parts that say something are joined by a line break.
/// </summary>
/// <param name="keepsEnd">Whether line breaks at the end of the turn belong to the text, as long as nothing stood before it.</param>
internal sealed class TextChannel(bool keepsEnd)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _all = new();
    private readonly StringBuilder _held = new();
    private StringBuilder _taken = new();
    private bool _isFirst = true;
    private bool _isEmpty = true; // nothing but white space that is dropped so far in this part
    private bool _trimsStart = !keepsEnd;

    public override string ToString() => _all.ToString();

    public void Append(ReadOnlySpan<byte> bytes, bool flush = false)
    {
        char[] chars = new char[_decoder.GetCharCount(bytes, flush)];
        _decoder.GetChars(bytes, chars, flush);
        foreach (char c in chars)
            Append(c);
    }

    /// <summary>A reasoning part stood before: line breaks behind it belong to the format.</summary>
    public void TrimStart() => _trimsStart = true;

    /// <summary>Ends a part: a call follows.</summary>
    public void Break()
    {
        Append([], flush: true);
        _held.Clear();
        _isFirst = false;
        _isEmpty = true;
        _trimsStart = true;
    }

    public void Finish()
    {
        Append([], flush: true);
        if (keepsEnd && _isFirst)
            Emit(_held.ToString());
        _held.Clear();
    }

    /// <summary>What became certain since the last call.</summary>
    public string Take()
    {
        if (_taken.Length == 0)
            return "";
        string text = _taken.ToString();
        _taken = new StringBuilder();
        return text;
    }

    private void Append(char c)
    {
        bool isEdge = _isFirst || !keepsEnd ? c == '\n' : char.IsWhiteSpace(c);
        if (isEdge)
        {
            if (!_isEmpty || !_trimsStart)
                _held.Append(c);
            return;
        }

        if (_isEmpty && !_isFirst && _all.Length > 0)
            Emit("\n");
        _isEmpty = false;
        if (_held.Length > 0)
        {
            Emit(_held.ToString());
            _held.Clear();
        }

        _all.Append(c);
        _taken.Append(c);
    }

    private void Emit(string text)
    {
        _all.Append(text);
        _taken.Append(text);
    }
}
