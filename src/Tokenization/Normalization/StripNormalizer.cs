namespace AgentRollout.Tokenization.Normalization;

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        int start = left ? text.Length - text.TrimStart().Length : 0;
        if (start > 0)
            rewriter.Replace(0, start, []);
        int end = right ? Math.Max(text.TrimEnd().Length, start) : text.Length;
        if (end < text.Length)
            rewriter.Replace(end, text.Length, []);
        return rewriter.TryFinish(out changed, out origins);
    }
}
