using AgentRollout.Tokenization.PreTokenization.Regex;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Replaces every match of a pattern by a text that is taken as it stands.</summary>
internal sealed class RegexReplaceNormalizer(SplitRegex pattern, string content) : Normalizer
{
    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        SplitRegex.Matches matches = pattern.FindAll(text);
        while (matches.MoveNext())
            rewriter.Replace(matches.Start, matches.End, content);
        return rewriter.TryFinish(out changed, out origins);
    }
}
