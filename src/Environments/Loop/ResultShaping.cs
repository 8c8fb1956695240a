using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Loop;

/// <summary>Cuts a tool's result to the tokens that the model may read, before it is rendered into the conversation.</summary>
internal static class ResultShaping
{
    /// <summary>
    /// A result of at most <paramref name="maxTokens"/> tokens, the sentence about what is left out included. What is kept begins and ends where a token
    /// of the full text does, and never within a character.
    /// </summary>
    /// <param name="format">Encodes the text as that of a message.</param>
    /// <param name="text">The result, maybe cut already.</param>
    /// <param name="cut">What it keeps of the full text; null where it is whole.</param>
    /// <param name="maxTokens">At least <see cref="ResultLimits.MinTokens"/>.</param>
    /// <param name="truncate">What is left out; the same as where the text was cut already.</param>
    public static ShapedResult Limit(ChatFormat format, string text, ResultCut? cut, int maxTokens, Truncation truncate)
    {
        TokenizedText whole = format.EncodeContent(text);
        if (whole.Ids.Length <= maxTokens)
            return new ShapedResult(text, whole.Ids.Length, cut?.FullLength);

        string head = cut is null ? text : text[..cut.Head];
        string tail = cut is null ? text : text[^cut.Tail..];
        TokenizedText headTokens = cut is null ? whole : format.EncodeContent(head);
        TokenizedText tailTokens = cut is null ? whole : format.EncodeContent(tail);
        int fullLength = cut?.FullLength ?? text.Length;
        int room = maxTokens;
        while (true)
        {
            int kept = truncate switch
            {
                Truncation.Left => 0,
                Truncation.Right => room,
                _ => room - room / 2,
            };
            int end = EndOfHead(format.Tokenizer, headTokens, kept);
            int start = StartOfTail(format.Tokenizer, tailTokens, room - kept);
            string shaped = ResultCut.Join(head.AsSpan(0, end), tail.AsSpan(start), fullLength);
            int count = format.EncodeContent(shaped).Ids.Length;
            if (count <= maxTokens || room == 0)
                return new ShapedResult(shaped, count, fullLength);
            // What is kept may be encoded otherwise beside the sentence, so that the room for it is found by trial.
            room = Math.Max(0, room - (count - maxTokens));
        }
    }

    private static int EndOfHead(Tokenizer tokenizer, TokenizedText text, int tokens)
    {
        int end = Math.Min(tokens, text.Ids.Length);
        while (!IsBorder(tokenizer, text, end))
            end--;
        return PositionOf(text, end);
    }

    private static int StartOfTail(Tokenizer tokenizer, TokenizedText text, int tokens)
    {
        int start = text.Ids.Length - Math.Min(tokens, text.Ids.Length);
        while (!IsBorder(tokenizer, text, start))
            start++;
        return PositionOf(text, start);
    }

    /// <summary>Where in the text a token begins, or the text ends.</summary>
    private static int PositionOf(TokenizedText text, int index) =>
        index == 0 ? 0 : index == text.Ids.Length ? text.Length : text.Starts[index];

    /// <summary>Whether no character has bytes on both sides of a token's beginning.</summary>
    private static bool IsBorder(Tokenizer tokenizer, TokenizedText text, int index) =>
        index == 0
        || index == text.Ids.Length
        || (text.Starts[index] > text.Starts[index - 1] && tokenizer.BytesOf(text.Ids[index]) is not [>= 0x80 and < 0xC0, ..]);
}

/// <summary>A result as the model reads it.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">Its tokens by itself.</param>
/// <param name="FullLength">UTF-16 units of the full result; null where the text is all of it.</param>
internal readonly record struct ShapedResult(string Text, int Tokens, int? FullLength);
