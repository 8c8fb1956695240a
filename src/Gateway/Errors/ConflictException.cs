namespace AgentRollout.Gateway.Errors;

/// <summary>What somebody asks for is not possible in the present state, though it may be later: status 409.</summary>
/// <param name="code">Stable, for programs: becomes the <c>code</c> of the problem details.</param>
/// <param name="message">One sentence, for people.</param>
internal sealed class ConflictException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
