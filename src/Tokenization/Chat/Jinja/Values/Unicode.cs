using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's character classes and full case mappings, of code points.</summary>
internal static class Unicode
{
    private const int FinalSigma = 0x3C2;
    private const int Sigma = 0x3A3;

    private static readonly Dictionary<int, string> _upper = Pairs(UnicodeTables.Upper);
    private static readonly Dictionary<int, string> _title = Pairs(UnicodeTables.Title);
    private static readonly Dictionary<int, string> _folded = Pairs(UnicodeTables.Folded);
    private static readonly HashSet<int> _numericIdeographs = [.. UnicodeTables.NumericIdeographs.EnumerateRunes().Select(rune => rune.Value)];

    public static string Upper(string text) => text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F')
        ? Map(text, (code, _) => ToUpper(code))
        : text.ToUpperInvariant();

    public static string Lower(string text) => text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F')
        ? Map(text, (code, position) => ToLower(text, code, position))
        : text.ToLowerInvariant();

    public static string Fold(string text) => Map(text, (code, _) => _folded.GetValueOrDefault(code) ?? ToLower(code));

    public static string Capitalize(string text) =>
        Map(text, (code, position) => position == 0 ? ToTitle(code) : ToLower(text, code, position));

    /// <summary>The first letter of each run of cased characters upper, the others lower.</summary>
    public static string Title(string text)
    {
        bool inWord = false;
        return Map(text, (code, position) =>
        {
            string mapped = inWord ? ToLower(text, code, position) : ToTitle(code);
            inWord = IsCased(code);
            return mapped;
        });
    }

    public static string SwapCase(string text) => Map(
        text, (code, position) => IsUpper(code) ? ToLower(text, code, position) : IsLower(code) ? ToUpper(code) : char.ConvertFromUtf32(code));

    /// <summary>Python's <c>str.isspace</c> of one character, which has four control characters that Unicode's white space lacks.</summary>
    public static bool IsSpace(int code) => code <= 0xFFFF && (char.IsWhiteSpace((char)code) || code is >= 0x1C and <= 0x1F);

    /// <summary>Where <c>str.splitlines</c> ends lines.</summary>
    public static bool IsLineBreak(char character) =>
        character is '\n' or '\r' or '\v' or '\f' or (>= '\x1C' and <= '\x1E') or '\x85' or '\u2028' or '\u2029';

    public static bool IsLetter(int code) => Category(code) <= UnicodeCategory.OtherLetter;

    public static bool IsDecimal(int code) => Category(code) == UnicodeCategory.DecimalDigitNumber;

    public static bool IsDigit(int code) => !IsSurrogate(code) && CharUnicodeInfo.GetDigitValue(char.ConvertFromUtf32(code), 0) >= 0;

    public static bool IsNumeric(int code) =>
        !IsSurrogate(code) && (CharUnicodeInfo.GetNumericValue(char.ConvertFromUtf32(code), 0) >= 0 || _numericIdeographs.Contains(code));

    public static bool IsAlphanumeric(int code) => IsLetter(code) || IsNumeric(code);

    public static bool IsUpper(int code) => Category(code) == UnicodeCategory.UppercaseLetter || IsIn(UnicodeTables.OtherUpper, code);

    public static bool IsLower(int code) => Category(code) == UnicodeCategory.LowercaseLetter || IsIn(UnicodeTables.OtherLower, code);

    public static bool IsTitle(int code) => Category(code) == UnicodeCategory.TitlecaseLetter;

    public static bool IsCased(int code) => IsUpper(code) || IsLower(code) || IsTitle(code);

    public static bool IsPrintable(int code) => Category(code) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);

    /// <summary>What may begin a name.</summary>
    public static bool StartsName(int code) => code == '_' || IsLetter(code) || Category(code) == UnicodeCategory.LetterNumber;

    /// <summary>What a name may hold.</summary>
    public static bool IsNamePart(int code) => StartsName(code) || Category(code) is
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;

    private static UnicodeCategory Category(int code) => CharUnicodeInfo.GetUnicodeCategory(code);

    private static bool IsSurrogate(int code) => code is >= 0xD800 and <= 0xDFFF;

    private static string ToUpper(int code) => _upper.GetValueOrDefault(code) ?? Simple(code, Rune.ToUpperInvariant);

    private static string ToTitle(int code) => _title.GetValueOrDefault(code) ?? ToUpper(code);

    private static string ToLower(int code) => code == 0x130 ? "i\u0307" : Simple(code, Rune.ToLowerInvariant);

    private static string ToLower(string text, int code, int position) =>
        code == Sigma && IsFinalSigma(text, position) ? ((char)FinalSigma).ToString() : ToLower(code);

    /// <summary>After a letter and before none, looking past marks and the like.</summary>
    private static bool IsFinalSigma(string text, int position)
    {
        int before = position - 1;
        while (before >= 0 && IsIgnored(text[before]))
            before--;
        int after = position + 1;
        while (after < text.Length && IsIgnored(text[after]))
            after++;
        return before >= 0 && IsCased(text[before]) && (after >= text.Length || !IsCased(text[after]));
    }

    private static bool IsIgnored(char character) => character is '\'' or '.' or ':' or '\u00B7' or '\u2019' || Category(character) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static string Simple(int code, Func<Rune, Rune> map) =>
        Rune.TryCreate(code, out Rune rune) ? map(rune).ToString() : ((char)code).ToString();

    private static string Map(string text, Func<int, int, string> map)
    {
        StringBuilder mapped = new(text.Length);
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int code = CodePoints.ValueAt(text, i);
            if (IsSurrogate(code))
                mapped.Append(text[i]);
            else
                mapped.Append(map(code, i));
        }

        return mapped.ToString();
    }

    private static bool IsIn((int First, int Last)[] ranges, int code)
    {
        foreach ((int first, int last) in ranges)
        {
            if (code >= first && code <= last)
                return true;
        }

        return false;
    }

    private static Dictionary<int, string> Pairs(string table) =>
        table.Split(' ').ToDictionary(pair => char.ConvertToUtf32(pair, 0), pair => pair[(pair.IndexOf('=', 1) + 1)..]);
}
