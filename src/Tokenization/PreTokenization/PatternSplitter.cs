namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Cuts a text at the matches of a pattern.</summary>
internal sealed class PatternSplitter : PreTokenizerStep
{
    private readonly TextPattern _pattern;
    private readonly SplitBehavior _behavior;
    private readonly bool _keepsMatches;
    private readonly bool _keepsGaps;

    /// <param name="pattern">The pattern.</param>
    /// <param name="behavior">What becomes of its matches.</param>
    /// <param name="inverted">Whether that is said of what lies between the matches instead.</param>
    public PatternSplitter(TextPattern pattern, SplitBehavior behavior, bool inverted = false)
    {
        _pattern = pattern;
        _keepsMatches = behavior != SplitBehavior.Removed || inverted;
        _keepsGaps = behavior != SplitBehavior.Removed || !inverted;
        // Where a gap joins the match before it, the match is joined by the gap behind it.
        _behavior = (behavior, inverted) switch
        {
            (SplitBehavior.MergedWithPrevious, true) => SplitBehavior.MergedWithNext,
            (SplitBehavior.MergedWithNext, true) => SplitBehavior.MergedWithPrevious,
            _ => behavior,
        };
    }

    /// <summary>The scanner whose every word is a part, null where it is not so simple.</summary>
    public SplitScanner? Scanner =>
        _pattern is ScannerPattern pattern && _keepsMatches && _behavior != SplitBehavior.Contiguous ? pattern.Scanner : null;

    public override bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end)
    {
        while (position < text.Length)
        {
            start = position;
            if (!_pattern.TryFind(text, position, out int matchStart, out int matchEnd))
                matchStart = matchEnd = text.Length;
            bool isMatch = matchStart == start;
            end = isMatch ? EndOfMatch(text, matchEnd) : EndOfGap(matchStart, matchEnd);
            position = end;
            if (isMatch ? _keepsMatches : _keepsGaps)
                return true;
        }

        start = end = text.Length;
        return false;
    }

    private int EndOfGap(int matchStart, int matchEnd) => _behavior == SplitBehavior.MergedWithPrevious ? matchEnd : matchStart;

    private int EndOfMatch(ReadOnlySpan<char> text, int end)
    {
        if (_behavior == SplitBehavior.MergedWithNext)
            return _pattern.TryFind(text, end, out int next, out _) ? next : text.Length;
        while (_behavior == SplitBehavior.Contiguous && _pattern.TryFind(text, end, out int start, out int next) && start == end)
            end = next;
        return end;
    }
}
