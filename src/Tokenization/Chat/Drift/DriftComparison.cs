namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Two runs of tokens that should be the same, and why they are not.</summary>
internal sealed class DriftComparison
{
    private readonly Tokenizer _tokenizer;
    private readonly ChatFormat? _format;
    private readonly TokenText _seen;
    private readonly TokenText _retold;
    private readonly byte[] _sampled;

    /// <summary>The first byte in which the two texts differ.</summary>
    private readonly int _difference;

    public DriftComparison(Tokenizer tokenizer, ChatFormat? format, ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled, ReadOnlySpan<int> retold)
    {
        (_tokenizer, _format) = (tokenizer, format);
        _seen = new TokenText(tokenizer, seen);
        _retold = new TokenText(tokenizer, retold);
        _sampled = sampled.ToArray();
        _difference = _seen.Bytes.CommonPrefixLength(_retold.Bytes);
    }

    /// <summary>Why the ids part at a position before which they are the same.</summary>
    public DriftCause CauseAt(int position)
    {
        if (IsDoubledBegin(position))
            return DriftCause.DoubledBeginOfSequence;
        (int seenEnd, int retoldEnd) = Realign(position);
        return _seen.Start(seenEnd) <= _difference ? CauseOfOtherIds(position, seenEnd, retoldEnd) : CauseOfTextDifference();
    }

    /// <summary>Why the texts part.</summary>
    public DriftCause CauseOfTextDifference()
    {
        if (_seen.IsBroken(_difference))
            return DriftCause.SplitCharacter;
        int token = _seen.TokenAt(_difference);
        (int Start, int End)? turn = TurnAround(token);
        return CauseByTokenizer()
            ?? (ReasoningDrift.IsDropped(_seen.Bytes, _retold.Bytes, _difference, turn is { } run ? _seen.Start(run.Start) : null) ? DriftCause.ReasoningDropped : (DriftCause?)null)
            ?? (turn is { } sampled ? CauseByTurn(token, sampled.Start, sampled.End) : null)
            ?? CauseByWhiteSpace()
            ?? (!IsSampled(token) && IsEndOfTurnAt(token) ? DriftCause.MissingEndOfTurn : DriftCause.Other);
    }

    private bool IsDoubledBegin(int position) =>
        position > 0 && position < _retold.Count
        && _retold.Ids[position] == _retold.Ids[position - 1]
        && _tokenizer.BosToken is { } token && _tokenizer.TryGetId(token, out int id) && id == _retold.Ids[position]
        && (position == _seen.Count || _seen.Ids[position] != id);

    /// <summary>Past the run of tokens from a position on after which both end at the same byte, or past the last ones.</summary>
    private (int SeenEnd, int RetoldEnd) Realign(int position)
    {
        (int seen, int retold) = (position, position);
        do
        {
            if (retold == _retold.Count || (seen < _seen.Count && _seen.Start(seen) <= _retold.Start(retold)))
                seen++;
            else
                retold++;
        }
        while (seen < _seen.Count && retold < _retold.Count && _seen.Start(seen) != _retold.Start(retold));

        while (seen < _seen.Count && _seen.Start(seen) < _retold.Start(retold))
            seen++;
        while (retold < _retold.Count && _retold.Start(retold) < _seen.Start(seen))
            retold++;
        return (seen, retold);
    }

    /// <summary>Why a run of tokens has the same text and other ids.</summary>
    private DriftCause CauseOfOtherIds(int position, int seenEnd, int retoldEnd)
    {
        ReadOnlySpan<int> seen = _seen.Ids[position..seenEnd];
        ReadOnlySpan<int> retold = _retold.Ids[position..retoldEnd];
        if (CountControl(seen) != CountControl(retold))
            return DriftCause.SpelledControlToken;
        if (seen.ToArray().Any(IsByte) && !retold.ToArray().Any(IsByte))
            return DriftCause.ByteFallback;
        for (int i = position + 1; i < seenEnd; i++)
        {
            if (_sampled[i] != _sampled[i - 1])
                return DriftCause.TurnBoundary;
        }

        // What follows a turn joined its last token.
        bool joinsNext = seenEnd == _seen.Count && _retold.TokenAt(_seen.Bytes.Length - 1) is int last && _retold.Start(last + 1) > _seen.Bytes.Length;
        return joinsNext ? DriftCause.TurnBoundary : DriftCause.NonCanonicalTokens;
    }

    /// <summary>What decoding and encoding alone change at the very place.</summary>
    private DriftCause? CauseByTokenizer()
    {
        TokenText again = new(_tokenizer, _tokenizer.Encode(_tokenizer.Decode(_seen.Ids)));
        if (_seen.Bytes.CommonPrefixLength(again.Bytes) != _difference || again.Bytes.SequenceEqual(_seen.Bytes))
            return null;
        if (again.IsReplacement(_difference))
            return DriftCause.SplitCharacter;
        return IsSpace(_seen, _difference) || IsSpace(again, _difference) ? DriftCause.LeadingSpace : DriftCause.UnicodeNormalization;
    }

    /// <summary>What happened to the tool calls or the end of the sampled turn in which the texts part.</summary>
    private DriftCause? CauseByTurn(int token, int start, int end)
    {
        if (_format is null)
            return null;
        if (token == end - 1 && _tokenizer.IsAdded(_seen.Ids[token]) && IsEndOfTurnAt(token))
            return DriftCause.ChangedEndOfTurn;
        return new CallDrift(_format, _seen, _retold).Cause(start, end, _difference);
    }

    /// <summary>The run of sampled tokens around one, or before the end; null where it was not sampled.</summary>
    private (int Start, int End)? TurnAround(int token)
    {
        int inside = Math.Min(token, _seen.Count - 1);
        if (inside < 0 || !IsSampled(inside))
            return null;
        (int start, int end) = (inside, inside + 1);
        while (start > 0 && IsSampled(start - 1))
            start--;
        while (end < _seen.Count && IsSampled(end))
            end++;
        return (start, end);
    }

    private DriftCause? CauseByWhiteSpace()
    {
        (int start, int seenEnd) = _seen.WhiteSpaceAround(_difference);
        (_, int retoldEnd) = _retold.WhiteSpaceAround(_difference);
        if (seenEnd == start && retoldEnd == start)
            return null;
        bool goesOn = seenEnd == _seen.Bytes.Length || retoldEnd == _retold.Bytes.Length || _seen.Bytes[seenEnd] == _retold.Bytes[retoldEnd];
        if (!goesOn)
            return null;
        bool isOneSpace = Math.Abs(seenEnd - retoldEnd) == 1
            && _seen.Bytes[start..seenEnd].IndexOfAnyExcept((byte)' ') < 0 && _retold.Bytes[start..retoldEnd].IndexOfAnyExcept((byte)' ') < 0;
        return isOneSpace && BeginsText(_seen.TokenAt(start)) && PrependsSpace() ? DriftCause.LeadingSpace : DriftCause.ContentTrimmed;
    }

    /// <summary>Whether a token is the first of a text that was encoded by itself.</summary>
    private bool BeginsText(int token) =>
        token == 0 || _tokenizer.IsAdded(_seen.Ids[token - 1]) || IsSampled(token) != IsSampled(token - 1);

    private bool PrependsSpace() => new TokenText(_tokenizer, _tokenizer.Encode("a")).Bytes.StartsWith(" "u8);

    private bool IsSampled(int token) => token < _sampled.Length && _sampled[token] != 0;

    /// <summary>Whether the retold text ends a turn where a token of the seen one begins.</summary>
    private bool IsEndOfTurnAt(int token)
    {
        int offset = _seen.Start(token);
        int other = _retold.TokenAt(offset);
        return other < _retold.Count && _retold.Start(other) == offset && _format is not null && _format.EndOfTurnIds.Contains(_retold.Ids[other]);
    }

    private bool IsByte(int id) => _tokenizer.BytesOf(id).Length == 1 && ByteTokens.TryParse(_tokenizer.Spelling(id), out _);

    /// <summary>The added tokens, but for the runs of white space that some vocabularies (Gemma) have among them.</summary>
    private int CountControl(ReadOnlySpan<int> ids)
    {
        int count = 0;
        foreach (int id in ids)
            count += _tokenizer.IsAdded(id) && !string.IsNullOrWhiteSpace(_tokenizer.Decode([id])) ? 1 : 0;
        return count;
    }

    private static bool IsSpace(TokenText text, int offset) => offset < text.Bytes.Length && text.Bytes[offset] == (byte)' ';
}
