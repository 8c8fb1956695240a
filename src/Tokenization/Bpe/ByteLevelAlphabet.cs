using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.Bpe;

/// <summary>
/// GPT-2's printable stand-ins for the 256 bytes: printable Latin-1 stands for itself, the other 68 bytes for U+0100..U+0143.
/// </summary>
internal static class ByteLevelAlphabet
{
    private const int FirstStandIn = 0x100;

    private static readonly short[] ByteOfChar = BuildByteOfChar();
    private static readonly char[] CharOfByte = BuildCharOfByte();

    /// <summary>The printable stand-in of a byte.</summary>
    public static char ToChar(byte value) => CharOfByte[value];

    /// <summary>
    /// Translates a token's spelling in tokenizer.json (UTF-8) to the bytes it stands for. Returns the number of bytes written, or -1
    /// where a character is not in the alphabet. <paramref name="bytes"/> must be as long as <paramref name="spelling"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int ToBytes(ReadOnlySpan<byte> spelling, Span<byte> bytes)
    {
        short[] byteOfChar = ByteOfChar;
        int count = 0;
        for (int i = 0; i < spelling.Length; i++)
        {
            int character = spelling[i];
            if (character >= 0x80)
            {
                // The alphabet ends at U+0143, so two UTF-8 bytes are the longest form it has.
                if ((character & 0xE0) != 0xC0 || i + 1 >= spelling.Length)
                    return -1;
                character = ((character & 0x1F) << 6) | (spelling[++i] & 0x3F);
            }

            if (character >= byteOfChar.Length || byteOfChar[character] < 0)
                return -1;
            bytes[count++] = (byte)byteOfChar[character];
        }

        return count;
    }

    /// <summary>Writes the spelling of bytes, in UTF-8, and returns its length, which is at most twice theirs.</summary>
    public static int Spell(ReadOnlySpan<byte> bytes, Span<byte> spelling)
    {
        char[] charOfByte = CharOfByte;
        int count = 0;
        foreach (byte value in bytes)
        {
            char character = charOfByte[value];
            if (character < 0x80)
            {
                spelling[count++] = (byte)character;
                continue;
            }

            spelling[count++] = (byte)(0xC0 | (character >> 6));
            spelling[count++] = (byte)(0x80 | (character & 0x3F));
        }

        return count;
    }

    private static char[] BuildCharOfByte()
    {
        char[] table = new char[256];
        for (int character = 0; character < ByteOfChar.Length; character++)
        {
            if (ByteOfChar[character] >= 0)
                table[ByteOfChar[character]] = (char)character;
        }

        return table;
    }

    private static short[] BuildByteOfChar()
    {
        short[] table = new short[FirstStandIn + 68];
        Array.Fill(table, (short)-1);
        int standIn = FirstStandIn;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            table[printable ? value : standIn++] = (short)value;
        }

        return table;
    }
}
