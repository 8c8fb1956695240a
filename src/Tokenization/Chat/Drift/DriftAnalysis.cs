namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>
/// Finds where code that keeps text (decode and encode again, or render the messages again) would leave the ids that the model saw, and
/// why. It explains what token-in-token-out avoids; nothing is ever repaired with it.
/// </summary>
public sealed class DriftAnalysis
{
    private readonly Tokenizer _tokenizer;
    private readonly ChatFormat? _format;

    /// <param name="tokenizer">The model's tokenizer; without a chat format the parts of a turn are not told apart.</param>
    public DriftAnalysis(Tokenizer tokenizer) => _tokenizer = tokenizer;

    /// <param name="format">The model's tokenizer and template.</param>
    public DriftAnalysis(ChatFormat format) => (_tokenizer, _format) = (format.Tokenizer, format);

    /// <summary>The first difference to ids made from text, which may go on behind what the model saw; null where there is none.</summary>
    /// <param name="seen">What the model saw.</param>
    /// <param name="sampled">For each token whether the engine sampled it: a loss mask.</param>
    /// <param name="retold">The ids that the text gives.</param>
    public TokenDrift? Find(ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled, ReadOnlySpan<int> retold)
    {
        int position = seen.CommonPrefixLength(retold);
        return position == seen.Length ? null : new TokenDrift(position, Compare(seen, sampled, retold).CauseAt(position));
    }

    /// <summary>The first difference to the ids that encoding gives for the decoded text; null where it gives the same.</summary>
    /// <param name="seen">What the model saw.</param>
    /// <param name="sampled">For each token whether the engine sampled it.</param>
    public TokenDrift? FindInDecoding(ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled)
    {
        int[] retold = _tokenizer.Encode(_tokenizer.Decode(seen));
        int position = seen.CommonPrefixLength(retold);
        return position == seen.Length && position == retold.Length
            ? null
            : new TokenDrift(position, Compare(seen, sampled, retold).CauseAt(position));
    }

    /// <summary>The first difference to the ids of the rendered conversation; null where it begins with what the model saw.</summary>
    /// <param name="seen">What the model saw.</param>
    /// <param name="sampled">For each token whether the engine sampled it.</param>
    /// <param name="render">Renders the conversation; a refusal is a drift from the first token on.</param>
    public TokenDrift? FindInRendering(ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled, Func<string> render)
    {
        string text;
        try
        {
            text = render();
        }
        catch (TokenizerException)
        {
            return new TokenDrift(0, DriftCause.TemplateRefused);
        }

        return Find(seen, sampled, _tokenizer.Encode(text));
    }

    /// <summary>
    /// Why a rendered text differs from that of the tokens, which is known to differ: tokens that another choice of ids gives the same
    /// text are passed over.
    /// </summary>
    /// <param name="seen">What the model saw.</param>
    /// <param name="sampled">For each token whether the engine sampled it.</param>
    /// <param name="rendered">What the template renders.</param>
    public DriftCause CauseOfTextDifference(ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled, string rendered) =>
        Compare(seen, sampled, _tokenizer.Encode(rendered)).CauseOfTextDifference();

    private DriftComparison Compare(ReadOnlySpan<int> seen, ReadOnlySpan<byte> sampled, ReadOnlySpan<int> retold) =>
        new(_tokenizer, _format, seen, sampled, retold);
}
