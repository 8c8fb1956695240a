using System.Buffers;
using System.Text;

namespace AgentRollout.Tokenization;

/// <summary>What encoding needs to know of UTF-8 and UTF-16.</summary>
internal static class Utf8Text
{
    /// <summary>The bytes of the character whose first byte is given, in valid UTF-8.</summary>
    public static int CharacterLength(byte first) => first switch
    {
        < 0x80 => 1,
        < 0xE0 => 2,
        < 0xF0 => 3,
        _ => 4,
    };

    /// <summary>The number of characters of valid UTF-8.</summary>
    public static int CharacterCount(ReadOnlySpan<byte> text)
    {
        int count = 0;
        foreach (byte value in text)
        {
            if ((value & 0xC0) != 0x80)
                count++;
        }

        return count;
    }

    /// <summary>The text with U+FFFD in place of lone surrogates, which have no UTF-8; a copy only where there is one. Positions stay.</summary>
    public static ReadOnlySpan<char> WithoutLoneSurrogates(ReadOnlySpan<char> text)
    {
        char[]? copy = null;
        for (int position = 0; ;)
        {
            int offset = text[position..].IndexOfAnyInRange('\uD800', '\uDFFF');
            if (offset < 0)
                return copy ?? text;
            position += offset;
            bool isPair = Rune.DecodeFromUtf16(text[position..], out _, out int length) == OperationStatus.Done;
            if (!isPair)
                (copy ??= text.ToArray())[position] = '\uFFFD';
            position += length;
        }
    }
}
