using System.Globalization;

namespace AgentRollout.Environments.Loop;

/// <summary>What a trajectory has spent of its budgets for tools.</summary>
internal sealed class ToolBudget(RolloutLimits limits)
{
    /// <summary>Less time than this starts no further call: a timer reads a coarse clock, so one that was stopped for its time may have left some milliseconds.</summary>
    private static readonly TimeSpan LeastTime = TimeSpan.FromMilliseconds(20);

    private int _calls;
    private TimeSpan _time;
    private int _tokens;

    /// <summary>Wall-clock time that one more call may take.</summary>
    public TimeSpan TimeOfCall => limits.MaxToolTime is { } most && most - _time < limits.ToolTimeout ? most - _time : limits.ToolTimeout;

    /// <summary>Tokens of results that may still be read; null where there is no budget.</summary>
    public int? TokensLeft => limits.MaxObservationTokens - _tokens;

    /// <summary>Whether too few tokens are left for any result.</summary>
    public bool OutOfTokens => TokensLeft < ResultLimits.MinTokens;

    /// <summary>The budget for tokens in words.</summary>
    public string TokensInWords => InWords($"{limits.MaxObservationTokens} observation tokens");

    /// <summary>The spent budget that forbids so many more calls, and how a trajectory ends over it; null where they are allowed.</summary>
    public (string InWords, StopReason Stop)? Forbids(int calls) =>
        limits.MaxToolCalls is { } most && calls > most - _calls ? (InWords($"{most} tool {(most == 1 ? "call" : "calls")}"), StopReason.MaxTurns)
        : _time > TimeSpan.Zero && TimeOfCall < LeastTime ? (InWords($"{limits.MaxToolTime!.Value.TotalSeconds:0.###} s of tool time"), StopReason.Deadline)
        : OutOfTokens ? (TokensInWords, StopReason.MaxTokens)
        : null;

    public void AddCall() => _calls++;

    public void AddTime(TimeSpan wall) => _time += wall;

    public void AddTokens(int tokens) => _tokens += tokens;

    private static string InWords(FormattableString amount) => "The budget of " + amount.ToString(CultureInfo.InvariantCulture);
}
