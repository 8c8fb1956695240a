namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>The patterns of Qwen and Llama 3: <see cref="SplitScanner.Qwen2Pattern"/> and its like.</summary>
/// <param name="digitGroup">Longest run of digits in a word.</param>
/// <param name="lastLetter">The last class that counts as letters: without or with marks.</param>
internal sealed class LetterRunScanner(int digitGroup, CharacterClass lastLetter) : SplitScanner
{
    public override int WordEnd(ReadOnlySpan<char> text, int start)
    {
        CharacterClass first = CharacterClasses.At(text, start, out int length);
        int second = start + length;
        if (first <= lastLetter)
            return RunEnd(text, second, CharacterClass.Lower, lastLetter);
        if (first == CharacterClass.Number)
            return NumberEnd(text, second, digitGroup);
        if (ContractionEnd(text, start, ignoreCase: true) is > 0 and int contraction)
            return contraction;

        CharacterClass next = CharacterClass.NewLine;
        int nextLength = 0;
        if (second < text.Length)
            next = CharacterClasses.At(text, second, out nextLength);
        if (next <= lastLetter && first != CharacterClass.NewLine)
            return RunEnd(text, second + nextLength, CharacterClass.Lower, lastLetter);
        if (IsOther(first))
            return OtherEnd(text, second);
        if (text[start] == ' ' && IsOther(next))
            return OtherEnd(text, second + nextLength);
        return WhiteSpaceOrLinesEnd(text, start);
    }

    private bool IsOther(CharacterClass value) => value == CharacterClass.Other || (value == CharacterClass.Mark && value > lastLetter);

    /// <summary>The rest of a run of other characters, and the line breaks behind it.</summary>
    private int OtherEnd(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && IsOther(CharacterClasses.At(text, position, out int length)))
            position += length;
        while (position < text.Length && text[position] is '\r' or '\n')
            position++;
        return position;
    }
}
