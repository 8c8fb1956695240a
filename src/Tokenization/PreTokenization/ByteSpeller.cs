using System.Text;
using AgentRollout.Tokenization.Bpe;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Writes each byte of a text as its character of the byte-level alphabet.</summary>
internal sealed class ByteSpeller : PreTokenizerStep
{
    public override TextPiece Change(scoped in TextPiece piece)
    {
        ReadOnlySpan<char> text = piece.Text;
        char[] spelled = new char[Encoding.UTF8.GetByteCount(text)];
        int[] origins = new int[spelled.Length + 1];
        Span<byte> bytes = stackalloc byte[4];
        int count = 0;
        for (int position = 0; position < text.Length;)
        {
            Rune.DecodeFromUtf16(text[position..], out Rune rune, out int length);
            foreach (byte value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                origins[count] = position;
                spelled[count++] = ByteLevelAlphabet.ToChar(value);
            }

            position += length;
        }

        origins[count] = text.Length;
        return piece.Changed(spelled, origins);
    }
}
