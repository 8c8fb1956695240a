using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization;

/// <summary>The spelling of tokens that stand for one byte: <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
internal static class ByteTokens
{
    public static string Spelling(byte value) => $"<0x{value:X2}>";

    /// <summary>The token of a byte, or -1 where the vocabulary has none.</summary>
    public static int Find(byte value, Vocabulary vocabulary) => vocabulary.TryFind(Encoding.UTF8.GetBytes(Spelling(value)), out int id) ? id : -1;

    /// <summary>Whether a token is spelled as one byte. As in the reference, lower case and a sign are accepted.</summary>
    public static bool TryParse(ReadOnlySpan<char> token, out byte value)
    {
        value = 0;
        if (token.Length != 6 || !token.StartsWith("<0x") || token[5] != '>')
            return false;
        ReadOnlySpan<char> digits = token[3] == '+' ? token[4..5] : token[3..5];
        return byte.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
