namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>
/// A split pattern of tokenizer.json that no hand-written scanner is known for. Matches as Oniguruma does, the reference's engine: over
/// Unicode characters, not UTF-16 units, and with the first alternative that matches. Back-references, recursion and conditions are
/// refused; so is case-insensitive text that would match another number of characters. Thread-safe.
/// </summary>
internal sealed class SplitRegex
{
    private readonly RegexProgram _program;

    private SplitRegex(RegexProgram program) => _program = program;

    /// <exception cref="TokenizerException">The pattern is malformed, or uses syntax that is not supported.</exception>
    public static SplitRegex Parse(string pattern) => new(RegexCompiler.Compile(pattern));

    /// <summary>
    /// The leftmost match that begins at or after <paramref name="from"/>; it may be empty. What stands before is seen by anchors and
    /// look-behinds.
    /// </summary>
    /// <exception cref="TokenizerException">The pattern takes too many steps on this text.</exception>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        RegexMatcher matcher = new(_program, text);
        try
        {
            end = -1;
            for (start = from; start <= text.Length && end < 0; start++)
            {
                if (IsCandidate(text, start))
                    end = matcher.MatchEnd(start);
            }

            start--;
            return end >= 0;
        }
        finally
        {
            matcher.Dispose();
        }
    }

    /// <summary>All matches from left to right; an empty one directly behind another match is none.</summary>
    public Matches FindAll(ReadOnlySpan<char> text) => new(this, text);

    private bool IsCandidate(ReadOnlySpan<char> text, int start)
    {
        if (start < text.Length && start > 0 && char.IsLowSurrogate(text[start]) && char.IsHighSurrogate(text[start - 1]))
            return false;
        if (_program.FirstSet is not { } first)
            return true;
        if (start == text.Length)
            return false;
        return char.IsSurrogate(text[start]) || first.Contains(text[start]);
    }

    /// <summary>The matches of a text.</summary>
    internal ref struct Matches(SplitRegex regex, ReadOnlySpan<char> text)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private int _from;
        private int _lastEnd = -1;

        public int Start { get; private set; }

        public int End { get; private set; }

        public bool MoveNext()
        {
            while (_from <= _text.Length && regex.TryFind(_text, _from, out int start, out int end))
            {
                if (start == end && end == _lastEnd)
                {
                    _from++;
                    continue;
                }

                (Start, End, _from, _lastEnd) = (start, end, end, end);
                return true;
            }

            return false;
        }
    }
}
