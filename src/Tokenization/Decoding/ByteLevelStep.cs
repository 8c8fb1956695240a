using System.Text;
using AgentRollout.Tokenization.Bpe;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>Reads tokens in the byte-level alphabet as the bytes of one text.</summary>
internal sealed class ByteLevelStep : DecoderStep
{
    public override DecoderStage Begin(DecoderStage next) => new Stage(next);

    public override bool TryBytes(string token, out byte[] bytes)
    {
        bytes = Bytes(token);
        return true;
    }

    /// <summary>A token with a character outside the alphabet stands for its own text.</summary>
    private static byte[] Bytes(string token)
    {
        byte[] spelling = Encoding.UTF8.GetBytes(token);
        byte[] bytes = new byte[spelling.Length];
        int count = ByteLevelAlphabet.ToBytes(spelling, bytes);
        return count < 0 ? spelling : bytes[..count];
    }

    private sealed class Stage(DecoderStage next) : DecoderStage
    {
        private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
        private readonly StringBuilder _token = new();

        public override void Write(ReadOnlySpan<char> text) => _token.Append(text);

        public override void EndToken()
        {
            Decode(Bytes(_token.ToString()), flush: false);
            _token.Clear();
        }

        public override void End()
        {
            Decode([], flush: true);
            next.EndToken();
            next.End();
        }

        private void Decode(ReadOnlySpan<byte> bytes, bool flush)
        {
            Span<char> characters = stackalloc char[64];
            bool completed;
            do
            {
                _decoder.Convert(bytes, characters, flush, out int bytesUsed, out int charsUsed, out completed);
                next.Write(characters[..charsUsed]);
                bytes = bytes[bytesUsed..];
            }
            while (!completed);
        }
    }
}
