using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Unicode's lower case, character by character: a final sigma is none. U+0130 becomes two characters.</summary>
internal sealed class LowercaseNormalizer : CharacterNormalizer
{
    protected override int Replace(Rune rune, Span<char> replacement)
    {
        if (rune.IsAscii)
            return rune.Value is >= 'A' and <= 'Z' ? With((char)(rune.Value | 0x20), replacement) : -1;
        if (rune.Value == 0x130)
        {
            "i\u0307".CopyTo(replacement);
            return 2;
        }

        int lower = UnicodeTables.Shared.ToLower(rune.Value);
        return lower == rune.Value ? -1 : new Rune(lower).EncodeToUtf16(replacement);
    }
}
