namespace AgentRollout.Tokenization.Chat;

/// <summary>Rendered tokens with what each of them comes from.</summary>
/// <param name="Ids">The ids.</param>
/// <param name="Origins">One per id.</param>
public sealed record AttributedTokens(int[] Ids, TokenOrigin[] Origins)
{
    /// <summary>
    /// Tells tokens by the characters that they hold. One that reaches across a border counts as content, and as the first message's that
    /// it touches.
    /// </summary>
    /// <param name="tokens">The tokens of a rendered text.</param>
    /// <param name="content">What of it comes from messages and tools.</param>
    /// <param name="contentOf">The content where only one message's strings count as such, by the message's index; -1 for no message's.</param>
    /// <param name="messageCount">How many messages there are.</param>
    internal static AttributedTokens Of(
        TokenizedText tokens, IReadOnlyList<CharSpan> content, Func<int, IReadOnlyList<CharSpan>> contentOf, int messageCount)
    {
        TokenOrigin[] origins = new TokenOrigin[tokens.Ids.Length];
        Mark(content, null);
        for (int message = messageCount - 1; message >= 0; message--)
            Mark(contentOf(message), message);
        // Printed numbers count as content whatever message they come from.
        Mark(contentOf(-1), null);
        return new AttributedTokens(tokens.Ids, origins);

        void Mark(IReadOnlyList<CharSpan> spans, int? message)
        {
            foreach (CharSpan span in spans)
                origins.AsSpan(tokens.TokensOf(span)).Fill(new TokenOrigin(true, message));
        }
    }

    internal AttributedTokens From(int first) => first == 0 ? this : new AttributedTokens(Ids[first..], Origins[first..]);
}

/// <summary>What a token comes from.</summary>
/// <param name="IsContent">Whether a message or a tool says it; false for what the template writes around them, control tokens included.</param>
/// <param name="Message">
/// The index of the message; null for the template's own text, the description of the tools, and what cannot be told apart (a number that
/// a template prints by itself).
/// </param>
public readonly record struct TokenOrigin(bool IsContent, int? Message);
