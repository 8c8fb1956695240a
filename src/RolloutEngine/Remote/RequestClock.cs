namespace AgentRollout.RolloutEngine.Remote;

/// <summary>Cancels when a request's caller does, or when its deadline passes.</summary>
internal sealed class RequestClock : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource? _deadline;
    private readonly CancellationTokenSource? _either;

    public RequestClock(DateTimeOffset? deadline, TimeProvider time, CancellationToken caller)
    {
        _caller = caller;
        if (deadline is not { } moment)
            return;
        TimeSpan left = moment - time.GetUtcNow();
        HasPassedAlready = left <= TimeSpan.Zero;
        _deadline = new CancellationTokenSource(HasPassedAlready ? TimeSpan.Zero : left < Longest ? left : Longest, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _deadline.Token);
    }

    public CancellationToken Token => _either?.Token ?? _caller;

    /// <summary>Whether the deadline is what ended it; a caller who cancelled comes first.</summary>
    public bool HasPassed => !_caller.IsCancellationRequested && (HasPassedAlready || _deadline is { IsCancellationRequested: true });

    private bool HasPassedAlready { get; }

    public void Dispose()
    {
        _either?.Dispose();
        _deadline?.Dispose();
    }
}
