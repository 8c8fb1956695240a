using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Cuts a text after every so many characters; 0 does not cut.</summary>
internal sealed class FixedLengthSplitter(int length) : PreTokenizerStep
{
    public override bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end)
    {
        if (length == 0)
            return base.TryNext(text, ref position, out start, out end);
        start = position;
        for (int taken = 0; taken < length && position < text.Length; taken++)
        {
            Rune.DecodeFromUtf16(text[position..], out _, out int units);
            position += units;
        }

        end = position;
        return start < end;
    }
}
