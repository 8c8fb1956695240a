namespace AgentRollout.Gateway.Dialects.SearchR1;

/// <summary>What was found.</summary>
/// <param name="Result">For each query its documents, best first: <see cref="ScoredDocument"/> where scores were asked for, else <see cref="RetrievedDocument"/>.</param>
/// <param name="IgnoredTerms">For each query the words that were too frequent to search for; not of the protocol.</param>
internal sealed record RetrieveResponse(IReadOnlyList<object[]> Result, IReadOnlyList<IReadOnlyList<string>> IgnoredTerms);

/// <param name="Id">The passage's id.</param>
/// <param name="Contents">Its title in quotes on a line of its own, if it has one, and its text.</param>
internal sealed record RetrievedDocument(string Id, string Contents);

/// <param name="Document">The document.</param>
/// <param name="Score">Higher is better.</param>
internal sealed record ScoredDocument(RetrievedDocument Document, double Score);
