namespace AgentRollout.Tokenization.PreTokenization;

/// <summary><see cref="SplitScanner.Gpt2Pattern"/></summary>
internal sealed class Gpt2Scanner : SplitScanner
{
    public override int WordEnd(ReadOnlySpan<char> text, int start)
    {
        if (ContractionEnd(text, start, ignoreCase: false) is > 0 and int contraction)
            return contraction;

        int body = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        CharacterClass first = CharacterClasses.At(text, body, out int length);
        return first switch
        {
            <= CharacterClass.Uncased => RunEnd(text, body + length, CharacterClass.Lower, CharacterClass.Uncased),
            CharacterClass.Number => RunEnd(text, body + length, CharacterClass.Number, CharacterClass.Number),
            CharacterClass.Mark or CharacterClass.Other => OtherEnd(text, body + length),
            _ => WhiteSpaceEnd(text, start),
        };
    }

    private static int OtherEnd(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && CharacterClasses.At(text, position, out int length) is CharacterClass.Mark or CharacterClass.Other)
            position += length;
        return position;
    }
}
