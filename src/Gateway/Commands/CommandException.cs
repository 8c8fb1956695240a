namespace AgentRollout.Gateway.Commands;

/// <summary>A command cannot go on; the message is the one sentence that people read.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The command was used wrongly: a bad value, or a file that is not there.</summary>
    public static CommandException Usage(string message) => new(ExitCodes.Usage, message);

    /// <summary>The command was used rightly and failed.</summary>
    public static CommandException Failure(string message) => new(ExitCodes.Failure, message);
}
