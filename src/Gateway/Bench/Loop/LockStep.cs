namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>Makes trajectories play as batches in lock-step: a turn's tools all end when the slowest does, and a batch begins when the one before has ended.</summary>
/// <param name="size">Trajectories of a batch.</param>
internal sealed class LockStep(int size)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _turn = New();
    private TaskCompletionSource _batch = New();
    private int _arrived;
    private int _admitted;
    private int _ended;

    /// <summary>Ends when the whole batch has called it for this turn.</summary>
    public Task WaitForTurnAsync()
    {
        lock (_lock)
        {
            Task turn = _turn.Task;
            if (++_arrived == size)
            {
                _arrived = 0;
                _turn.SetResult();
                _turn = New();
            }

            return turn;
        }
    }

    /// <summary>Ends when the next trajectory belongs to the batch in play. Called by one after the other.</summary>
    public async ValueTask AdmitAsync(CancellationToken cancellationToken)
    {
        Task? before = null;
        lock (_lock)
        {
            if (_admitted++ % size == 0 && _ended < _admitted - 1)
                before = _batch.Task;
        }

        if (before is not null)
            await before.WaitAsync(cancellationToken);
    }

    /// <summary>A trajectory has ended.</summary>
    public void End()
    {
        lock (_lock)
        {
            if (++_ended % size == 0)
            {
                _batch.SetResult();
                _batch = New();
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
