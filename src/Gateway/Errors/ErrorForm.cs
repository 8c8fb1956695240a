namespace AgentRollout.Gateway.Errors;

/// <summary>How errors look to the clients of an endpoint that do not know problem details: metadata of the endpoint, honoured wherever it is refused.</summary>
/// <param name="Write">Makes the answer from the status, the stable code and the sentence.</param>
internal sealed record ErrorForm(Func<int, string, string, IResult> Write);
