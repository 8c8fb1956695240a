namespace AgentRollout.Tools;

/// <summary>Spreads calls over time: so many may start a second and, after a rest, that many at once.</summary>
internal sealed class CallRate(int perSecond, TimeProvider timeProvider)
{
    private readonly TimeSpan _interval = TimeSpan.FromSeconds(1) / perSecond;
    private readonly Lock _taking = new();
    private DateTimeOffset _next = DateTimeOffset.MinValue;

    /// <summary>Waits for the turn of a call. One that is cancelled meanwhile has used it.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        TimeSpan pause;
        lock (_taking)
        {
            DateTimeOffset now = timeProvider.GetUtcNow();
            DateTimeOffset earliest = now - TimeSpan.FromSeconds(1) + _interval;
            _next = _next > earliest ? _next : earliest;
            pause = _next - now;
            _next += _interval;
        }

        return pause > TimeSpan.Zero ? Task.Delay(pause, timeProvider, cancellationToken) : Task.CompletedTask;
    }
}
