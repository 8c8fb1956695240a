namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Collects text and where it comes from outside the template.</summary>
internal sealed class TextBuilder
{
    private char[] _chars;
    private List<CharSpan>? _content;

    public TextBuilder(int capacity = 256) => _chars = new char[capacity];

    public int Length { get; private set; }

    /// <summary>The parts that come from outside; null for none.</summary>
    public List<CharSpan>? Content => _content;

    public void Append(char character)
    {
        if (Length == _chars.Length)
            Grow(1);
        _chars[Length++] = character;
    }

    /// <summary>Text of the template.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        if (text.Length > _chars.Length - Length)
            Grow(text.Length);
        text.CopyTo(_chars.AsSpan(Length));
        Length += text.Length;
    }

    public void Append(PythonString text)
    {
        int start = Length;
        Append(text.Text.AsSpan());
        if (text.IsTemplate)
            return;
        foreach (CharSpan span in text.Content)
            Mark(start + span.Start, start + span.End);
    }

    public void AppendContent(ReadOnlySpan<char> text)
    {
        int start = Length;
        Append(text);
        Mark(start, Length);
    }

    public void Repeat(char character, int count)
    {
        if (count > _chars.Length - Length)
            Grow(count);
        _chars.AsSpan(Length, count).Fill(character);
        Length += count;
    }

    /// <summary>Says that everything from a position on comes from outside.</summary>
    public void MarkFrom(int start) => Mark(start, Length);

    /// <summary>Takes the end of the text away.</summary>
    public PythonString Cut(int start)
    {
        PythonString cut = ToPythonString().Slice(start, Length - start);
        Length = start;
        while (_content is [.., var last] && last.End > start)
        {
            _content.RemoveAt(_content.Count - 1);
            if (last.Start < start)
                _content.Add(last with { End = start });
        }

        return cut;
    }

    public void Clear()
    {
        Length = 0;
        _content?.Clear();
    }

    public PythonString ToPythonString() => PythonString.WithContent(ToString(), _content);

    public override string ToString() => new(_chars, 0, Length);

    private void Mark(int start, int end)
    {
        if (start == end)
            return;
        _content ??= [];
        if (_content is [.., var last] && last.End >= start)
            _content[^1] = last with { End = end, Start = Math.Min(start, last.Start) };
        else
            _content.Add(new CharSpan(start, end));
    }

    private void Grow(int count)
    {
        JinjaLimits.CheckLength(Length + (long)count);
        Array.Resize(ref _chars, Math.Max(_chars.Length * 2, Length + count));
    }
}
