using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>
/// Cuts a text that the model sees as one word where no token can reach across, so that its tokens are the same and short words are found
/// in the cache: before U+2581, SentencePiece's space, after any character that no token of the vocabulary has before it.
/// </summary>
internal sealed class SeamSplitter : PreTokenizerStep
{
    private const char Space = '\u2581';

    private readonly HashSet<char> _joined = [Space]; // last UTF-16 unit of what some token has before a space

    public SeamSplitter(Vocabulary vocabulary)
    {
        ReadOnlySpan<byte> space = "\u2581"u8;
        for (int id = 0; id < vocabulary.Size; id++)
        {
            if (!vocabulary.Contains(id) || vocabulary.Bytes(id).LastIndexOf(space) <= 0)
                continue;
            string text = Encoding.UTF8.GetString(vocabulary.Bytes(id));
            for (int i = 1; i < text.Length; i++)
            {
                if (text[i] == Space)
                    _joined.Add(text[i - 1]);
            }
        }
    }

    public override bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end)
    {
        start = position;
        for (end = position; end < text.Length;)
        {
            int offset = text[(end + 1)..].IndexOf(Space);
            end = offset < 0 ? text.Length : end + 1 + offset;
            if (end < text.Length && !_joined.Contains(text[end - 1]))
                break;
        }

        position = end;
        return start < end;
    }
}
