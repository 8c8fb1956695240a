namespace AgentRollout.Tokenization.Bpe;

/// <summary>The settings of a byte-pair encoding in tokenizer.json.</summary>
/// <param name="UnknownToken">The token of characters that are no token; without one they are left out.</param>
/// <param name="FuseUnknown">Whether neighbouring unknown characters are one token.</param>
/// <param name="ByteFallback">Whether the bytes of an unknown character are tokens instead, where the vocabulary has them all.</param>
/// <param name="IgnoreMerges">Whether a word that is a token is that token whatever the merges say.</param>
/// <param name="ContinuingSubwordPrefix">What the spelling of characters that do not begin a word begins with.</param>
/// <param name="EndOfWordSuffix">What the spelling of a word's last character ends with.</param>
internal sealed record BpeSettings(
    string? UnknownToken, bool FuseUnknown, bool ByteFallback, bool IgnoreMerges, string ContinuingSubwordPrefix, string EndOfWordSuffix);
