namespace AgentRollout.RolloutEngine.Routing;

/// <summary>What a fleet was told to be in, which engines that were away have missed.</summary>
internal sealed class FleetState
{
    private volatile WeightUpdate? _weights;
    private volatile bool _isPaused;
    private int _updates;

    /// <summary>The last update that an engine took, with its version.</summary>
    public WeightUpdate? Weights
    {
        get => _weights;
        set => _weights = value;
    }

    public bool IsPaused
    {
        get => _isPaused;
        set => _isPaused = value;
    }

    /// <summary>Whether all engines are getting new weights right now.</summary>
    public bool IsUpdating => Volatile.Read(ref _updates) > 0;

    public void BeginUpdate() => Interlocked.Increment(ref _updates);

    public void EndUpdate() => Interlocked.Decrement(ref _updates);
}
