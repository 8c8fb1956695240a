namespace AgentRollout.Tools;

/// <summary>How one call ended. Every call has exactly one; a failed call is data that the model reads.</summary>
/// <param name="Text">What the model reads: the tool's output, or one sentence about the failure.</param>
/// <param name="Failure">Null where the tool answered.</param>
/// <param name="Queue">Time between dispatch and the start of the tool.</param>
/// <param name="Run">Time inside the tool.</param>
/// <param name="Attempts">How often the tool was started; 0 where it never was.</param>
public sealed record ToolResult(string Text, ToolFailure? Failure, TimeSpan Queue, TimeSpan Run, int Attempts)
{
    /// <inheritdoc cref="ToolInvocation.Score"/>
    public double? Score { get; init; }

    /// <summary>What <see cref="Text"/> keeps of a result over its limit; null where it is whole.</summary>
    public ResultCut? Cut { get; init; }

    /// <inheritdoc cref="ToolInvocation.Sandbox"/>
    public string? Sandbox { get; init; }
}

/// <summary>Why a call has no answer of its tool.</summary>
public enum ToolFailure
{
    /// <summary>No tool of that name is offered; the text lists the known ones.</summary>
    UnknownTool,

    /// <summary>The arguments do not fit the tool's schema; the text says where.</summary>
    InvalidArguments,

    /// <summary>The tool threw; the text carries its message.</summary>
    Threw,

    /// <summary>The tool did not answer within the call's time-out and was cancelled.</summary>
    TimedOut,

    /// <summary>The bus lost the call or refused it.</summary>
    Undeliverable,

    /// <summary>The worker that kept the tool's state for the trajectory is gone, and the state with it; the call may or may not have run.</summary>
    StateLost,

    /// <summary>A limit or a spent budget of the trajectory forbids the call; it was not run.</summary>
    OverLimit,
}
