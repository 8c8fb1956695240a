namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>How text between added tokens is cut into words before the byte-pair merges.</summary>
/// <param name="Scanner">Cuts the words; null where the whole text is one word.</param>
/// <param name="AddPrefixSpace">Whether a text that does not begin with a space gets one.</param>
internal sealed record PreTokenizer(SplitScanner? Scanner, bool AddPrefixSpace);
