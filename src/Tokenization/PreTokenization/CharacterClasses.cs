using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>The classes of characters, from tables for ASCII and for the basic plane.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] Ascii = Build(128);

    /// <summary>The class of the character at a position. A lone surrogate is what its UTF-8 bytes will be, U+FFFD.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharacterClass At(ReadOnlySpan<char> text, int position, out int length)
    {
        length = 1;
        char character = text[position];
        return character < 128 ? Ascii[character] : AtWide(text, position, out length);
    }

    private static CharacterClass AtWide(ReadOnlySpan<char> text, int position, out int length)
    {
        length = 1;
        char character = text[position];
        if (!char.IsSurrogate(character))
            return BasicPlane.Classes[character];
        Rune.DecodeFromUtf16(text[position..], out Rune rune, out length);
        return Of(rune.Value);
    }

    private static CharacterClass Of(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.LowercaseLetter => CharacterClass.Lower,
        UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CharacterClass.Upper,
        UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Uncased,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => CharacterClass.Mark,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ when codePoint is '\r' or '\n' => CharacterClass.NewLine,
        _ when codePoint <= char.MaxValue && char.IsWhiteSpace((char)codePoint) => CharacterClass.Space,
        _ => CharacterClass.Other,
    };

    private static CharacterClass[] Build(int count)
    {
        CharacterClass[] classes = new CharacterClass[count];
        for (int code = 0; code < count; code++)
            classes[code] = Of(code);
        return classes;
    }

    /// <summary>Made when the first character beyond ASCII is met.</summary>
    private static class BasicPlane
    {
        public static readonly CharacterClass[] Classes = Build(0x10000);
    }
}
