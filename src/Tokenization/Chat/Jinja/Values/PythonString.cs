namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>
/// Python's <c>str</c>, with which of its characters come from outside the template, so that a rendering can tell them apart. What an
/// operation cannot follow counts as content. Positions in the public members are in UTF-16 units; <see cref="CodePoints"/> converts.
/// </summary>
internal sealed class PythonString
{
    public static readonly PythonString Empty = new("");

    private static readonly CharSpan[] _whole = [new CharSpan(0, int.MaxValue)];
    private static readonly PythonString[] _ascii = [.. Enumerable.Range(0, 128).Select(code => new PythonString(((char)code).ToString()))];

    private readonly CharSpan[]? _content;
    private sbyte _hasSurrogates = -1; // not looked yet

    /// <summary>A text of the template.</summary>
    public PythonString(string text)
        : this(text, null, false)
    {
    }

    private PythonString(string text, CharSpan[]? content, bool isMarkup)
    {
        Text = text;
        _content = content;
        IsMarkup = isMarkup;
    }

    public string Text { get; }

    /// <summary>Whether it is HTML for the operations that escape: the result of the filters <c>safe</c> and <c>escape</c>.</summary>
    public bool IsMarkup { get; }

    public bool IsEmpty => Text.Length == 0;

    /// <summary>Whether no character comes from outside.</summary>
    public bool IsTemplate => _content is null;

    /// <summary>The parts from outside, clipped to the text.</summary>
    public ReadOnlySpan<CharSpan> Content =>
        ReferenceEquals(_content, _whole) ? new CharSpan[] { new(0, Text.Length) } : _content;

    public bool HasSurrogates
    {
        get
        {
            if (_hasSurrogates < 0)
                _hasSurrogates = Text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? (sbyte)1 : (sbyte)0;
            return _hasSurrogates == 1;
        }
    }

    /// <summary>A text from messages, tools or other input, or one that was computed from values of another kind.</summary>
    public static PythonString FromContent(string text) => text.Length == 0 ? Empty : new(text, _whole, false);

    public static PythonString WithContent(string text, List<CharSpan>? content) => text.Length == 0 ? Empty
        : content is null or [] ? new(text)
        : content is [{ Start: 0 } only] && only.End == text.Length ? new(text, _whole, false)
        : new(text, [.. content], false);

    public PythonString AsMarkup() => IsMarkup ? this : new(Text, _content, true);

    public PythonString AsPlain() => IsMarkup ? new(Text, _content, false) : this;

    /// <summary>A text computed from this one: it comes from where this one comes from, all of it if the places moved.</summary>
    public PythonString Derive(string text)
    {
        if (ReferenceEquals(text, Text))
            return this;
        CharSpan[]? content = _content is null ? null : text.Length == Text.Length ? _content : _whole;
        return new(text, content, IsMarkup);
    }

    public PythonString Slice(int start, int length)
    {
        if (length == Text.Length)
            return this;
        if (length == 0)
            return IsMarkup ? Empty.AsMarkup() : Empty;
        if (_content is null && length == 1 && !IsMarkup && Text[start] < 128)
            return _ascii[Text[start]];
        return new(Text.Substring(start, length), SliceContent(start, length), IsMarkup);
    }

    public override string ToString() => Text;

    private CharSpan[]? SliceContent(int start, int length)
    {
        if (_content is null || ReferenceEquals(_content, _whole))
            return _content;
        List<CharSpan> slice = [];
        foreach (CharSpan span in _content)
        {
            int from = Math.Max(span.Start, start);
            int to = Math.Min(span.End, start + length);
            if (from < to)
                slice.Add(new CharSpan(from - start, to - start));
        }

        return slice.Count == 0 ? null : [.. slice];
    }
}
