namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>
/// <see cref="SplitScanner.O200kPattern"/>: a word is a run of upper and then of lower case. Uncased letters and marks are both; a mark may
/// also stand before a word as any other character may.
/// </summary>
internal sealed class CasedRunScanner : SplitScanner
{
    public override int WordEnd(ReadOnlySpan<char> text, int start)
    {
        CharacterClass first = CharacterClasses.At(text, start, out int length);
        int second = start + length;
        if (first == CharacterClass.Number)
            return NumberEnd(text, second, digitGroup: 3);
        bool mayPrefix = first is CharacterClass.Mark or CharacterClass.Other or CharacterClass.Space;
        bool mayBegin = first <= CharacterClass.Mark;
        // The order of the pattern: with lower case, behind a prefix and without one; then upper case alone.
        int end = mayPrefix ? LowerEnd(text, second) : 0;
        if (end == 0 && mayBegin)
            end = LowerEnd(text, start);
        if (end == 0 && mayPrefix)
            end = UpperEnd(text, second);
        if (end == 0 && mayBegin)
            end = UpperEnd(text, start);
        if (end > 0)
            return ContractionEnd(text, end, ignoreCase: true) is > 0 and int contraction ? contraction : end;
        if (first == CharacterClass.Other)
            return OtherEnd(text, second);
        if (text[start] == ' ' && second < text.Length && CharacterClasses.At(text, second, out length) == CharacterClass.Other)
            return OtherEnd(text, second + length);
        return WhiteSpaceOrLinesEnd(text, start);
    }

    /// <summary>
    /// The end of an upper part, perhaps empty, and a lower part that is not; 0 where there is none. Where no lower-case letter follows the
    /// upper part, it gives back all behind its last character that may be lower too.
    /// </summary>
    private static int LowerEnd(ReadOnlySpan<char> text, int position)
    {
        int end = 0;
        while (position < text.Length)
        {
            CharacterClass found = CharacterClasses.At(text, position, out int length);
            if (found == CharacterClass.Lower)
                return LowerRunEnd(text, position + length);
            if (found > CharacterClass.Mark)
                break;
            position += length;
            if (found != CharacterClass.Upper)
                end = position;
        }

        return end;
    }

    private static int LowerRunEnd(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length
            && CharacterClasses.At(text, position, out int length) is CharacterClass.Lower or CharacterClass.Uncased or CharacterClass.Mark)
        {
            position += length;
        }

        return position;
    }

    /// <summary>The end of a run of upper case, after which no lower case stands; 0 where it is empty.</summary>
    private static int UpperEnd(ReadOnlySpan<char> text, int position)
    {
        int end = RunEnd(text, position, CharacterClass.Upper, CharacterClass.Mark);
        return end > position ? end : 0;
    }

    /// <summary>The rest of a run of other characters, and the line breaks and slashes behind it.</summary>
    private static int OtherEnd(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && CharacterClasses.At(text, position, out int length) is CharacterClass.Mark or CharacterClass.Other)
            position += length;
        while (position < text.Length && text[position] is '\r' or '\n' or '/')
            position++;
        return position;
    }
}
