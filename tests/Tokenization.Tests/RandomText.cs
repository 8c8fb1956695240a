using System.Text;

namespace AgentRollout.Tokenization.Tests;

/// <summary>Seeded texts that mix what splits, merges and normalization treat differently.</summary>
internal static class RandomText
{
    private static readonly string[] Pieces =
    [
        "a", "Z", "hello", " the", "'s", "'LL", "'\u017F", "'re", "'", " ", "  ", "\t", "\n", "\r\n", "\r", "\u0085", "\u2028", "\u00A0", "\u3000",
        "1", "23", "4567", "\u0664", "\u216B", "\u00BD", "!", "?!", "--", "<|im_end|>", "<|im", "<tool_call>", "\u00E9", "e\u0301", "\u0301",
        "\uAC00", "\u1100\u1161", "\u65E5\u672C", "\U0001F600", "\U00010330", "\U0001D7D8", "\u200B", "\uFEFF", "\u212B", "\0", "\uFFFE", "\uFFFD", "_",
    ];

    /// <summary>Text of valid scalars.</summary>
    public static string Valid(Random random, int pieceCount)
    {
        StringBuilder text = new();
        for (int i = 0; i < pieceCount; i++)
            text.Append(Pieces[random.Next(Pieces.Length)]);
        return text.ToString();
    }

    /// <summary>Any UTF-16 units, lone surrogates included.</summary>
    public static string AnyUnits(Random random, int length)
    {
        char[] units = new char[length];
        for (int i = 0; i < length; i++)
            units[i] = (char)(random.Next(4) == 0 ? random.Next(0xD800, 0xE000) : random.Next(0x10000));
        return new string(units);
    }
}
