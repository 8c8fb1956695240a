namespace AgentRollout.Gateway.Commands;

/// <summary>What scripts see.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>The run, a check or a line of the input failed.</summary>
    public const int Failure = 1;

    /// <summary>Wrong usage.</summary>
    public const int Usage = 2;

    /// <summary>Ended by Ctrl+C, as shells number it; what was finished is kept.</summary>
    public const int Cancelled = 130;
}
