using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>What may follow a backslash, in classes and outside.</summary>
internal static class RegexEscapes
{
    public static RuneSet NotNewLine { get; } = RuneSet.Of('\n').Complement();

    /// <summary>Takes the letter of a set and, for <c>\p</c>, the name that follows.</summary>
    public static bool TryParseSet(PatternReader reader, bool isInClass, out RuneSet set)
    {
        RuneSet word = isInClass ? UnicodeProperties.Word : UnicodeProperties.LooseWord;
        RuneSet? found = reader.Peek() switch
        {
            's' => UnicodeProperties.WhiteSpace,
            'S' => UnicodeProperties.WhiteSpace.Complement(),
            'd' => UnicodeProperties.Digit,
            'D' => UnicodeProperties.Digit.Complement(),
            'w' => word,
            'W' => word.Complement(),
            'h' => UnicodeProperties.HexDigit,
            'H' => UnicodeProperties.HexDigit.Complement(),
            'N' => NotNewLine,
            'O' => RuneSet.All,
            _ => null,
        };
        set = found ?? RuneSet.Empty;
        if (found is not null)
        {
            reader.Take();
            return true;
        }

        if (reader.Peek() is not ('p' or 'P'))
            return false;
        set = ParseProperty(reader, isInClass);
        return true;
    }

    /// <summary>Takes an escape that stands for one character.</summary>
    public static int ParseCharacter(PatternReader reader)
    {
        int character = reader.Take();
        return character switch
        {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\f',
            'v' => '\v',
            'a' => '\a',
            'e' => '\u001B',
            'x' when reader.TryTake('{') => CodePoint(reader, reader.TakeUntil('}')),
            'x' => CodePoint(reader, TakeHex(reader, 2)),
            'u' => CodePoint(reader, TakeHex(reader, 4)),
            '0' when reader.IsAtEnd || reader.Peek() is < '0' or > '7' => '\0',
            _ when Rune.IsLetterOrDigit(new Rune(character)) => throw reader.Refused($"the escape '\\{new Rune(character)}'"),
            _ => character,
        };
    }

    private static RuneSet ParseProperty(PatternReader reader, bool isInClass)
    {
        bool isNegative = reader.Take() == 'P';
        if (!reader.TryTake('{'))
            throw reader.Refused("a '\\p' without a name in braces");
        isNegative ^= reader.TryTake('^');
        string name = reader.TakeUntil('}');
        if (!UnicodeProperties.TryGet(name, out RuneSet set))
            throw reader.Refused($"the property '{name}'");
        if (!isInClass && set == UnicodeProperties.Word)
            set = UnicodeProperties.LooseWord;
        return isNegative ? set.Complement() : set;
    }

    private static string TakeHex(PatternReader reader, int most)
    {
        StringBuilder digits = new();
        while (digits.Length < most && !reader.IsAtEnd && reader.Peek() < 128 && char.IsAsciiHexDigit((char)reader.Peek()))
            digits.Append((char)reader.Take());
        return digits.ToString();
    }

    private static int CodePoint(PatternReader reader, string digits) =>
        int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) && Rune.IsValid(code)
            ? code
            : throw reader.Refused($"the code point '{digits}'");
}
