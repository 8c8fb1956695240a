namespace AgentRollout.Tokenization.Normalization;

/// <summary>Puts a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        if (!text.IsEmpty && prefix.Length > 0)
            rewriter.Replace(0, 0, prefix);
        return rewriter.TryFinish(out changed, out origins);
    }
}
