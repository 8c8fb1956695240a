namespace AgentRollout.Tokenization.Normalization;

/// <summary>Hangul syllables decompose and compose by arithmetic: section 3.12 of the Unicode Standard.</summary>
internal static class Hangul
{
    public const int FirstSyllable = 0xAC00;
    public const int LastSyllable = 0xD7A3;
    public const int FirstVowel = 0x1161;
    public const int LastVowel = FirstVowel + VowelCount - 1;
    public const int FirstTrailing = NoTrailing + 1;
    public const int LastTrailing = NoTrailing + TrailingCount - 1;

    private const int FirstLeading = 0x1100;
    private const int LeadingCount = 19;
    private const int VowelCount = 21;
    private const int NoTrailing = 0x11A7;
    private const int TrailingCount = 28;

    public static bool IsSyllable(int codePoint) => codePoint is >= FirstSyllable and <= LastSyllable;

    /// <summary>Writes two or three jamos and returns how many.</summary>
    public static int Decompose(int syllable, Span<int> jamos)
    {
        int index = syllable - FirstSyllable;
        jamos[0] = FirstLeading + index / (VowelCount * TrailingCount);
        jamos[1] = FirstVowel + index % (VowelCount * TrailingCount) / TrailingCount;
        jamos[2] = NoTrailing + index % TrailingCount;
        return jamos[2] == NoTrailing ? 2 : 3;
    }

    /// <summary>The syllable of a leading consonant and a vowel, or of a syllable without and a trailing consonant.</summary>
    public static bool TryCompose(int first, int second, out int syllable)
    {
        int leading = first - FirstLeading;
        int vowel = second - FirstVowel;
        if ((uint)leading < LeadingCount && (uint)vowel < VowelCount)
        {
            syllable = FirstSyllable + (leading * VowelCount + vowel) * TrailingCount;
            return true;
        }

        syllable = first + second - NoTrailing;
        return IsSyllable(first) && (first - FirstSyllable) % TrailingCount == 0 && second is >= FirstTrailing and <= LastTrailing;
    }
}
