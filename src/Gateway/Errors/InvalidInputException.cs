namespace AgentRollout.Gateway.Errors;

/// <summary>What somebody sent cannot be used; the message names the bad value and the known ones.</summary>
/// <param name="code">Stable, for programs: becomes the <c>code</c> of the problem details.</param>
/// <param name="message">One sentence, for people.</param>
internal sealed class InvalidInputException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
