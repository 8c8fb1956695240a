using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.SandboxFusion;

/// <summary>What became of a program.</summary>
/// <param name="Status">Whether it ran, and ended well.</param>
/// <param name="Message">What the sandbox has to say, one sentence each; mostly empty.</param>
/// <param name="RunResult">Null where the program did not run.</param>
/// <param name="Files">The fetched files that there are, in base64.</param>
internal sealed record RunCodeResponse(RunStatus Status, string Message, CommandResult? RunResult, IReadOnlyDictionary<string, string> Files)
{
    /// <summary>Null: neither language is compiled.</summary>
    public CommandResult? CompileResult { get; init; }

    public string? ExecutorPodName { get; init; }
}

/// <param name="Status">How it ended.</param>
/// <param name="ExecutionTime">Seconds.</param>
/// <param name="ReturnCode">Minus the signal's number where a signal ended it; null where time ran out.</param>
/// <param name="Stdout">What it printed, as UTF-8.</param>
/// <param name="Stderr">Likewise.</param>
internal sealed record CommandResult(CommandStatus Status, double ExecutionTime, int? ReturnCode, string Stdout, string Stderr);

/// <summary>The protocol's words for a whole run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunStatus>))]
internal enum RunStatus
{
    /// <summary>It ended with exit code 0.</summary>
    Success,

    /// <summary>It ended otherwise.</summary>
    Failed,

    /// <summary>The sandbox failed, not the program.</summary>
    SandboxError,
}

/// <summary>The protocol's words for the end of a process.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CommandStatus>))]
internal enum CommandStatus
{
    /// <summary>It ended by itself or was killed for what it did.</summary>
    Finished,

    /// <summary>It could not be run.</summary>
    Error,

    /// <summary>It was killed when its time was over.</summary>
    TimeLimitExceeded,
}
