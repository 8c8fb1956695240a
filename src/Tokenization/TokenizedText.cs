namespace AgentRollout.Tokenization;

/// <summary>A text's tokens and where each begins in the text.</summary>
/// <param name="Ids">The token ids.</param>
/// <param name="Starts">
/// For each token the position, in UTF-16 units, of the character that holds its first byte; it never falls. Tokens that share a character
/// have the same start. Where normalization changed a run of characters, its tokens begin where the run begins.
/// </param>
/// <param name="Length">The text's length in UTF-16 units.</param>
public sealed record TokenizedText(int[] Ids, int[] Starts, int Length);
