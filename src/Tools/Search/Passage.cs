namespace AgentRollout.Tools.Search;

/// <summary>One entry of a corpus.</summary>
/// <param name="Id">Unique in the corpus.</param>
/// <param name="Title">May be empty.</param>
/// <param name="Text">What the model reads.</param>
public sealed record Passage(string Id, string Title, string Text);
