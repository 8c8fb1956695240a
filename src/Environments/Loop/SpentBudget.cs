namespace AgentRollout.Environments.Loop;

/// <summary>What calls meet once a budget of their trajectory is spent.</summary>
public enum SpentBudget
{
    /// <summary>Each is answered with one sentence and not run; the trajectory goes on.</summary>
    Answer,

    /// <summary>
    /// The first turn that makes more calls than the budgets allow ends the trajectory, none of its calls run: as <see cref="StopReason.MaxTurns"/> for
    /// the number of calls, <see cref="StopReason.Deadline"/> for time, <see cref="StopReason.MaxTokens"/> for tokens.
    /// </summary>
    End,
}
