namespace AgentRollout.Gateway.Rollouts;

/// <summary>
/// Tells any number of waiters that something changed. Take <see cref="Next"/> before looking at the state, then await it: no change is
/// missed.
/// </summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = New();

    /// <summary>Completes at the next change.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Pulse() => Interlocked.Exchange(ref _next, New()).SetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
