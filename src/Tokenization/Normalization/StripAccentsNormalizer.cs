using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Removes combining marks; what is composed already keeps its accents.</summary>
internal sealed class StripAccentsNormalizer : CharacterNormalizer
{
    protected override int Replace(Rune rune, Span<char> replacement) =>
        !rune.IsAscii && UnicodeTables.Shared.IsCombiningMark(rune.Value) ? 0 : -1;
}
