namespace AgentRollout.Tools.Dispatch;

/// <summary>When a call was dispatched and how long it may take, queueing included.</summary>
/// <param name="DispatchedAt">By the clock of the caller.</param>
/// <param name="Timeout">From then on.</param>
internal readonly record struct CallClock(DateTimeOffset DispatchedAt, TimeSpan Timeout)
{
    /// <summary>Timers take less than 50 days.</summary>
    public static readonly TimeSpan MaxTimeout = TimeSpan.FromDays(30);

    public DateTimeOffset Deadline => DispatchedAt + Timeout;

    /// <summary>A call that starts now. A time-out below zero counts as zero, one beyond <see cref="MaxTimeout"/> as that.</summary>
    public static CallClock Start(TimeProvider time, TimeSpan timeout) =>
        new(time.GetUtcNow(), timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout < MaxTimeout ? timeout : MaxTimeout);

    /// <summary>Not below zero, so that a clock set back does no harm.</summary>
    public TimeSpan Elapsed(TimeProvider time)
    {
        TimeSpan elapsed = time.GetUtcNow() - DispatchedAt;
        return elapsed > TimeSpan.Zero ? elapsed : TimeSpan.Zero;
    }

    /// <summary>Zero where the deadline has passed.</summary>
    public TimeSpan Remaining(TimeProvider time)
    {
        TimeSpan remaining = Timeout - Elapsed(time);
        return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
    }
}
