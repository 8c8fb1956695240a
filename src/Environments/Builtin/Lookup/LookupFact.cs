namespace AgentRollout.Environments.Builtin.Lookup;

/// <summary>One line of <c>facts.jsonl</c>: a passage of the corpus with a question that it answers.</summary>
/// <param name="Id">Unique in the corpus.</param>
/// <param name="Title">The place that the fact is about.</param>
/// <param name="Text">The passage that a search returns.</param>
/// <param name="Question">What the model is asked.</param>
/// <param name="Answer">The words of the text that answer it.</param>
public sealed record LookupFact(string Id, string Title, string Text, string Question, string Answer);
