using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>
/// The split patterns of well-known tokenizers as hand-written scanners over Unicode scalars, for speed; they match what the reference's
/// engine matches, and allocate nothing. Other patterns go through <see cref="Regex.SplitRegex"/>.
/// </summary>
internal abstract class SplitScanner
{
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Qwen2Pattern = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + CommonTail;
    public const string Llama3Pattern = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + CommonTail;
    public const string Qwen35Pattern =
        Contractions + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string O200kPattern =
        @"[^\r\n\p{L}\p{N}]?" + UpperPart + "*" + LowerPart + "+" + Contractions + @"?|[^\r\n\p{L}\p{N}]?" + UpperPart + "+" + LowerPart + "*" + Contractions
        + @"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string UpperPart = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string LowerPart = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string CommonTail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static SplitScanner Gpt2 { get; } = new Gpt2Scanner();

    public static SplitScanner Qwen2 { get; } = new LetterRunScanner(digitGroup: 1, CharacterClass.Uncased);

    public static SplitScanner Llama3 { get; } = new LetterRunScanner(digitGroup: 3, CharacterClass.Uncased);

    /// <summary>Qwen 3.5, where marks count as letters.</summary>
    public static SplitScanner Qwen35 { get; } = new LetterRunScanner(digitGroup: 1, CharacterClass.Mark);

    /// <summary>gpt-oss and GPT-4o.</summary>
    public static SplitScanner O200k { get; } = new CasedRunScanner();

    /// <summary>The scanner of a split pattern, or null where the pattern is not one of the known ones.</summary>
    public static SplitScanner? ForPattern(string pattern) => pattern switch
    {
        Gpt2Pattern => Gpt2,
        Qwen2Pattern => Qwen2,
        Llama3Pattern => Llama3,
        Qwen35Pattern => Qwen35,
        O200kPattern => O200k,
        _ => null,
    };

    /// <summary>Where the word that begins at <paramref name="start"/> ends. Every character belongs to exactly one word.</summary>
    public abstract int WordEnd(ReadOnlySpan<char> text, int start);

    /// <summary>
    /// The end of <c>'s|'t|'re|'ve|'m|'ll|'d</c>, or 0 where there is none; case-insensitively <c>s</c> includes U+017F, as in the
    /// reference's engine.
    /// </summary>
    protected static int ContractionEnd(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        if (start + 1 >= text.Length || text[start] != '\'')
            return 0;
        char first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
            return start + 2;
        if (start + 2 >= text.Length)
            return 0;
        char second = Fold(text[start + 2], ignoreCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? start + 3 : 0;
    }

    /// <summary>The end of a run of characters whose classes lie between two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static int RunEnd(ReadOnlySpan<char> text, int position, CharacterClass least, CharacterClass most)
    {
        while (position < text.Length)
        {
            CharacterClass found = CharacterClasses.At(text, position, out int length);
            if ((uint)(found - least) > (uint)(most - least))
                break;
            position += length;
        }

        return position;
    }

    /// <summary><c>\p{N}{1,n}</c> behind its first character.</summary>
    protected static int NumberEnd(ReadOnlySpan<char> text, int position, int digitGroup)
    {
        for (int taken = 1; taken < digitGroup && position < text.Length; taken++)
        {
            if (CharacterClasses.At(text, position, out int length) != CharacterClass.Number)
                break;
            position += length;
        }

        return position;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c>: up to the last line break; else all at the end of the text, else all but the last one.</summary>
    protected static int WhiteSpaceOrLinesEnd(ReadOnlySpan<char> text, int start)
    {
        int lastLineEnd = 0;
        int end = start;
        for (; end < text.Length && char.IsWhiteSpace(text[end]); end++)
        {
            if (text[end] is '\r' or '\n')
                lastLineEnd = end + 1;
        }

        return lastLineEnd > 0 ? lastLineEnd : WhiteSpaceEnd(text, start, end);
    }

    /// <summary><c>\s+(?!\S)|\s+</c></summary>
    protected static int WhiteSpaceEnd(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        while (end < text.Length && char.IsWhiteSpace(text[end]))
            end++;
        return WhiteSpaceEnd(text, start, end);
    }

    private static int WhiteSpaceEnd(ReadOnlySpan<char> text, int start, int end) => end == text.Length || end == start + 1 ? end : end - 1;

    private static char Fold(char character, bool ignoreCase) => character switch
    {
        _ when !ignoreCase => character,
        >= 'A' and <= 'Z' => (char)(character | 0x20),
        '\u017F' => 's',
        _ => character,
    };
}
