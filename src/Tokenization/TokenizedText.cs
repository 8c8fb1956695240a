using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization;

/// <summary>A text's tokens and where each begins in the text.</summary>
/// <param name="Ids">The token ids.</param>
/// <param name="Starts">
/// For each token the position, in UTF-16 units, of the character that holds its first byte; it never falls. Tokens that share a character
/// have the same start. Where normalization changed a run of characters, its tokens begin where the run begins.
/// </param>
/// <param name="Length">The text's length in UTF-16 units.</param>
public sealed record TokenizedText(int[] Ids, int[] Starts, int Length)
{
    /// <summary>
    /// 1 for the tokens that hold a character of a span, else 0: a token across a border is taken whole, as transformers does for
    /// <c>return_assistant_tokens_mask</c>.
    /// </summary>
    /// <param name="spans">Spans of the text.</param>
    public byte[] Mask(IReadOnlyList<CharSpan> spans)
    {
        byte[] mask = new byte[Ids.Length];
        foreach (CharSpan span in spans)
        {
            if (span.End <= span.Start || span.Start >= Length)
                continue;
            int first = FirstTokenAt(span.Start);
            int last = FirstTokenAt(Math.Min(span.End, Length) - 1);
            mask.AsSpan(first..(last + 1)).Fill(1);
        }

        return mask;
    }

    /// <summary>The tokens that hold a character of a span, all of those that share one included.</summary>
    internal Range TokensOf(CharSpan span)
    {
        if (span.End <= span.Start || span.Start >= Length)
            return ..0;
        int end = Array.BinarySearch(Starts, Math.Min(span.End, Length));
        end = end >= 0 ? end : ~end;
        while (end > 0 && Starts[end - 1] >= span.End)
            end--;
        return FirstTokenAt(span.Start)..end;
    }

    /// <summary>The first of the tokens that hold the character.</summary>
    private int FirstTokenAt(int character)
    {
        int found = Array.BinarySearch(Starts, character);
        int token = found >= 0 ? found : ~found - 1;
        while (token > 0 && Starts[token - 1] == Starts[token])
            token--;
        return token;
    }
}
