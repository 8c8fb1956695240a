using System.Text;
using AgentRollout.Tokenization.Normalization;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Single characters of a kind.</summary>
internal sealed class CharacterPattern(Func<Rune, bool> matches) : TextPattern
{
    public static CharacterPattern WhiteSpace { get; } = new(Rune.IsWhiteSpace);

    /// <summary>Numbers of Unicode 17; the runtime knows those of Unicode 16.</summary>
    public static CharacterPattern Number { get; } = new(
        rune => Rune.IsNumber(rune) || rune.Value is (>= 0x11DE0 and <= 0x11DE9) or (>= 0x16FF4 and <= 0x16FF6));

    /// <summary>Punctuation in the sense of Unicode 8, as in the reference, and all of ASCII that is neither letter, digit, space nor control character.</summary>
    public static CharacterPattern Punctuation { get; } = new(rune => rune.IsAscii
        ? !Rune.IsLetterOrDigit(rune) && !Rune.IsControl(rune) && rune.Value != ' '
        : UnicodeTables.Shared.IsPunctuation(rune.Value));

    public override bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start < text.Length; start = end)
        {
            Rune.DecodeFromUtf16(text[start..], out Rune rune, out int length);
            end = start + length;
            if (matches(rune))
                return true;
        }

        end = start;
        return false;
    }
}
