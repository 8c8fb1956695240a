using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Replaces characters one by one, whatever stands around them.</summary>
internal abstract class CharacterNormalizer : Normalizer
{
    /// <summary>The longest replacement in UTF-16 units.</summary>
    protected const int LongestReplacement = 4;

    public sealed override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        Span<char> replacement = stackalloc char[LongestReplacement];
        for (int position = 0; position < text.Length;)
        {
            Rune.DecodeFromUtf16(text[position..], out Rune rune, out int length);
            int written = Replace(rune, replacement);
            if (written >= 0)
                rewriter.Replace(position, position + length, replacement[..written]);
            position += length;
        }

        return rewriter.TryFinish(out changed, out origins);
    }

    /// <summary>Writes what stands in a character's place and returns its length, or -1 where the character stays.</summary>
    protected abstract int Replace(Rune rune, Span<char> replacement);

    /// <summary>Writes one character.</summary>
    protected static int With(char character, Span<char> replacement)
    {
        replacement[0] = character;
        return 1;
    }
}
