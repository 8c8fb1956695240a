namespace AgentRollout.Tokenization;

/// <summary>A token that is recognised in the text before any splitting, with the flags that tokenizer.json gives it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text that is recognised.</param>
/// <param name="SingleWord">Recognised only where no word character touches it.</param>
/// <param name="TrimsLeft">White space before it belongs to it (<c>lstrip</c>).</param>
/// <param name="TrimsRight">White space after it belongs to it (<c>rstrip</c>).</param>
/// <param name="Normalized">Looked for in the normalized text instead of the original.</param>
/// <param name="Special">A control token, which decoding can leave out.</param>
internal sealed record AddedToken(
    int Id, string Content, bool SingleWord, bool TrimsLeft, bool TrimsRight, bool Normalized, bool Special);
