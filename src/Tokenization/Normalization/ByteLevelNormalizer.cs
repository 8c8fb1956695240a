using System.Text;
using AgentRollout.Tokenization.Bpe;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Writes each UTF-8 byte as its character of GPT-2's alphabet.</summary>
internal sealed class ByteLevelNormalizer : CharacterNormalizer
{
    protected override int Replace(Rune rune, Span<char> replacement)
    {
        Span<byte> bytes = stackalloc byte[4];
        int count = rune.EncodeToUtf8(bytes);
        for (int i = 0; i < count; i++)
            replacement[i] = ByteLevelAlphabet.ToChar(bytes[i]);
        return count;
    }
}
