using System.Buffers;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Replaces every occurrence of a text.</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : Normalizer
{
    private readonly SearchValues<string> _pattern = SearchValues.Create([pattern], StringComparison.Ordinal);

    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        for (int position = 0; ;)
        {
            int offset = text[position..].IndexOfAny(_pattern);
            if (offset < 0)
                return rewriter.TryFinish(out changed, out origins);
            int start = position + offset;
            position = start + pattern.Length;
            rewriter.Replace(start, position, content);
        }
    }
}
