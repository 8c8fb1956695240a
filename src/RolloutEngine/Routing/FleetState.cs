namespace AgentRollout.RolloutEngine.Routing;

/// <summary>What a fleet was told to be in, which engines that were away have missed.</summary>
internal sealed class FleetState
{
    private volatile WeightUpdate? _weights;
    private long _version;
    private volatile bool _isPaused;
    private int _updates;

    /// <summary>The last update that an engine took, with its version; null where there was none, or it came over a process group and cannot be repeated.</summary>
    public WeightUpdate? Weights => _weights;

    /// <summary>The version of the last weights that an engine took, 0 where there were none.</summary>
    public long Version => Volatile.Read(ref _version);

    public bool IsPaused
    {
        get => _isPaused;
        set => _isPaused = value;
    }

    /// <summary>Whether engines are getting new weights right now.</summary>
    public bool IsUpdating => Volatile.Read(ref _updates) > 0;

    public void BeginUpdate() => Interlocked.Increment(ref _updates);

    public void EndUpdate() => Interlocked.Decrement(ref _updates);

    /// <summary>Notes weights that an engine took.</summary>
    /// <param name="version">Their version.</param>
    /// <param name="update">How others get them; null where that is over.</param>
    public void Took(long version, WeightUpdate? update)
    {
        Volatile.Write(ref _version, version);
        _weights = update;
    }
}
