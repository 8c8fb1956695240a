using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>
/// The split patterns of tokenizer.json as hand-written scanners over Unicode scalars. .NET's regular expressions see UTF-16 units, for
/// which <c>\p{L}</c> never matches an astral letter; the scanners match what the reference's engine matches, and allocate nothing.
/// </summary>
internal sealed class SplitScanner
{
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Qwen2Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + CommonTail;
    public const string Llama3Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + CommonTail;

    private const string CommonTail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly CharClass[] AsciiClasses = BuildAsciiClasses();

    private readonly int _digitGroup;

    /// <param name="digitGroup">Longest run of digits in a word; 0 stands for GPT-2's pattern, which differs in more than digits.</param>
    private SplitScanner(int digitGroup) => _digitGroup = digitGroup;

    public static SplitScanner Gpt2 { get; } = new(0);

    public static SplitScanner Qwen2 { get; } = new(1);

    public static SplitScanner Llama3 { get; } = new(3);

    private enum CharClass : byte
    {
        Other,
        Letter,
        Number,
        Space,
        NewLine, // CR and LF, which are white space too
    }

    /// <summary>The scanner of a split pattern, or null where the pattern is not one of the known ones.</summary>
    public static SplitScanner? ForPattern(string pattern) => pattern switch
    {
        Gpt2Pattern => Gpt2,
        Qwen2Pattern => Qwen2,
        Llama3Pattern => Llama3,
        _ => null,
    };

    /// <summary>Where the word that begins at <paramref name="start"/> ends. Every character belongs to exactly one word.</summary>
    public int WordEnd(ReadOnlySpan<char> text, int start) =>
        _digitGroup == 0 ? Gpt2WordEnd(text, start) : WordEnd(text, start, _digitGroup);

    private static int Gpt2WordEnd(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && ContractionEnd(text, start, ignoreCase: false) is > 0 and int contraction)
            return contraction;

        CharClass first = Classify(text, start, out int length);
        int body = start;
        if (text[start] == ' ' && start + 1 < text.Length)
        {
            first = Classify(text, start + 1, out length);
            body = start + 1;
        }

        return IsWhite(first) ? WhiteSpaceEnd(text, start) : RunEnd(text, body + length, first);
    }

    private static int WordEnd(ReadOnlySpan<char> text, int start, int digitGroup)
    {
        if (text[start] == '\'' && ContractionEnd(text, start, ignoreCase: true) is > 0 and int contraction)
            return contraction;

        CharClass first = Classify(text, start, out int length);
        int second = start + length;
        if (first == CharClass.Letter)
            return RunEnd(text, second, CharClass.Letter);
        if (first == CharClass.Number)
            return NumberEnd(text, second, digitGroup);

        CharClass next = CharClass.NewLine;
        int nextLength = 0;
        if (second < text.Length)
            next = Classify(text, second, out nextLength);
        if (next == CharClass.Letter && first != CharClass.NewLine)
            return RunEnd(text, second + nextLength, CharClass.Letter);
        if (first == CharClass.Other)
            return NewLinesEnd(text, RunEnd(text, second, CharClass.Other));
        if (text[start] == ' ' && next == CharClass.Other)
            return NewLinesEnd(text, RunEnd(text, second + nextLength, CharClass.Other));
        return LastNewLineEnd(text, start) is > 0 and int end ? end : WhiteSpaceEnd(text, start);
    }

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d</c>; case-insensitively <c>s</c> includes U+017F, as in the reference's engine.</summary>
    private static int ContractionEnd(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        if (start + 1 >= text.Length)
            return 0;
        char first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
            return start + 2;
        if (start + 2 >= text.Length)
            return 0;
        char second = Fold(text[start + 2], ignoreCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? start + 3 : 0;
    }

    private static char Fold(char character, bool ignoreCase) => character switch
    {
        _ when !ignoreCase => character,
        >= 'A' and <= 'Z' => (char)(character | 0x20),
        '\u017F' => 's',
        _ => character,
    };

    private static int RunEnd(ReadOnlySpan<char> text, int position, CharClass runClass)
    {
        while (position < text.Length && Classify(text, position, out int length) == runClass)
            position += length;
        return position;
    }

    private static int NumberEnd(ReadOnlySpan<char> text, int position, int digitGroup)
    {
        for (int taken = 1; taken < digitGroup && position < text.Length; taken++)
        {
            if (Classify(text, position, out int length) != CharClass.Number)
                break;
            position += length;
        }

        return position;
    }

    /// <summary><c>[\r\n]*</c></summary>
    private static int NewLinesEnd(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && text[position] is '\r' or '\n')
            position++;
        return position;
    }

    /// <summary><c>\s*[\r\n]+</c>: past the last line break of the white space, 0 where it has none.</summary>
    private static int LastNewLineEnd(ReadOnlySpan<char> text, int position)
    {
        int end = 0;
        for (; position < text.Length && char.IsWhiteSpace(text[position]); position++)
        {
            if (text[position] is '\r' or '\n')
                end = position + 1;
        }

        return end;
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: all white space at the end of the text, else all but its last character, else that one.</summary>
    private static int WhiteSpaceEnd(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        while (end < text.Length && char.IsWhiteSpace(text[end]))
            end++;
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static bool IsWhite(CharClass value) => value >= CharClass.Space;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static CharClass Classify(ReadOnlySpan<char> text, int position, out int length)
    {
        length = 1;
        char character = text[position];
        return character < 128 ? AsciiClasses[character] : ClassifyWide(text[position..], out length);
    }

    private static CharClass ClassifyWide(ReadOnlySpan<char> text, out int length)
    {
        // A lone surrogate decodes to U+FFFD of length 1, which is what its UTF-8 bytes will be.
        Rune.DecodeFromUtf16(text, out Rune rune, out length);
        return Classify(rune);
    }

    private static CharClass Classify(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharClass.Number,
        _ when rune.Value is '\r' or '\n' => CharClass.NewLine,
        _ when Rune.IsWhiteSpace(rune) => CharClass.Space,
        _ => CharClass.Other,
    };

    private static CharClass[] BuildAsciiClasses()
    {
        CharClass[] classes = new CharClass[128];
        for (int value = 0; value < classes.Length; value++)
            classes[value] = Classify(new Rune(value));
        return classes;
    }
}
