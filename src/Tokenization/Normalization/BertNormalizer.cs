using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>The steps of BERT's basic tokenization that come before its words.</summary>
internal static class BertNormalizer
{
    public static Normalizer Create(bool cleansText, bool spacesChinese, bool stripsAccents, bool lowercases)
    {
        List<Normalizer> steps = [];
        if (cleansText)
            steps.Add(new Cleaning());
        if (spacesChinese)
            steps.Add(new ChineseSpacing());
        if (stripsAccents)
            steps.AddRange([FormNormalizer.Nfd, new NonspacingMarkRemoval()]);
        if (lowercases)
            steps.Add(new LowercaseNormalizer());
        return new SequenceNormalizer(steps);
    }

    /// <summary>Removes control and format characters, and makes a space of every white space.</summary>
    private sealed class Cleaning : CharacterNormalizer
    {
        protected override int Replace(Rune rune, Span<char> replacement)
        {
            if (rune.Value == ' ')
                return -1;
            if (rune.Value is '\t' or '\n' or '\r')
                return With(' ', replacement);
            if (IsRemoved(rune))
                return 0;
            return Rune.IsWhiteSpace(rune) ? With(' ', replacement) : -1;
        }

        private static bool IsRemoved(Rune rune) =>
            Rune.IsControl(rune)
            || rune.Value is 0xFFFD or (>= 0xE000 and <= 0xF8FF) or (>= 0xF0000 and <= 0xFFFFD) or >= 0x100000 and <= 0x10FFFD
            || (!rune.IsAscii && UnicodeTables.Shared.IsFormat(rune.Value));
    }

    /// <summary>Puts spaces around Chinese characters.</summary>
    private sealed class ChineseSpacing : CharacterNormalizer
    {
        protected override int Replace(Rune rune, Span<char> replacement)
        {
            if (!IsChinese(rune.Value))
                return -1;
            int length = rune.EncodeToUtf16(replacement[1..]);
            replacement[0] = ' ';
            replacement[length + 1] = ' ';
            return length + 2;
        }

        /// <summary>The reference's blocks, in which U+2B820..U+2B91F are missing.</summary>
        private static bool IsChinese(int value) => value is (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF)
            or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF)
            or (>= 0x2F800 and <= 0x2FA1F);
    }

    private sealed class NonspacingMarkRemoval : CharacterNormalizer
    {
        protected override int Replace(Rune rune, Span<char> replacement) =>
            !rune.IsAscii && UnicodeTables.Shared.IsNonspacingMark(rune.Value) ? 0 : -1;
    }
}
