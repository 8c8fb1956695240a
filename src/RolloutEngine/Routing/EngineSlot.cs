namespace AgentRollout.RolloutEngine.Routing;

/// <summary>One engine of a fleet: what is known of it and what it has to do. Guarded by the fleet's lock.</summary>
internal sealed class EngineSlot(string name, Func<CancellationToken, Task<IEngineNode>> connect)
{
    private EngineConnection? _connection;
    private long _lastVersion;
    private int _foreignLoad;
    private int _mostInFlight;

    public string Name => name;

    /// <summary>Null while the engine is away.</summary>
    public IEngineNode? Node => _connection?.Node;

    public bool IsDraining { get; set; }

    /// <summary>Questions in a row that an engine that is up did not answer.</summary>
    public int Misses { get; set; }

    /// <summary>Losses and failed attempts to connect in a row.</summary>
    public int Failures { get; private set; }

    public int InFlight { get; private set; }

    public long Requests { get; private set; }

    public long Losses { get; private set; }

    public EngineLoad? Reported { get; private set; }

    public string? Error { get; set; }

    public PrefixBlocks Prefixes { get; } = new();

    /// <summary>Ends the watch over the engine.</summary>
    public CancellationTokenSource Stopping { get; } = new();

    public Task Watch { get; set; } = Task.CompletedTask;

    public long WeightVersion => Node?.Model.WeightVersion ?? _lastVersion;

    /// <summary>Requests here and those that others have sent.</summary>
    public int Load => InFlight + _foreignLoad;

    public Task<IEngineNode> ConnectAsync(CancellationToken cancellationToken) => connect(cancellationToken);

    /// <summary>Notes that the engine is asked how it is: what it has of ours until it answers is not the load of others.</summary>
    public void BeginProbe() => _mostInFlight = InFlight;

    /// <summary>Notes that the engine answered.</summary>
    /// <param name="connection">The one that was made for that; null where there is one.</param>
    /// <param name="load">What it said.</param>
    public void SetUp(EngineConnection? connection, EngineLoad load)
    {
        if (connection is null)
            Failures = 0;
        else
            _connection = connection;
        (Reported, Misses, Error) = (load, 0, null);
        _foreignLoad = Math.Max(0, (load.Running ?? 0) + (load.Waiting ?? 0) - _mostInFlight);
    }

    /// <summary>Notes that the engine is away; gives the connection that it had, to be disposed.</summary>
    public EngineConnection? SetDown(string error)
    {
        Failures++;
        Error = error;
        if (_connection is not { } connection)
            return null;
        _lastVersion = connection.Node.Model.WeightVersion;
        (_connection, Reported, _foreignLoad) = (null, null, 0);
        Losses++;
        Prefixes.Clear();
        return connection;
    }

    /// <summary>A place for a request.</summary>
    public EngineLease Lease(Fleet fleet, CancellationToken cancellationToken)
    {
        InFlight++;
        _mostInFlight = Math.Max(_mostInFlight, InFlight);
        Requests++;
        return new EngineLease(fleet, this, _connection!, cancellationToken);
    }

    public void Return() => InFlight--;

    public EngineStatus Describe(long newestVersion, bool allowStale) => new(
        Name,
        Node is null ? EngineState.Down
            : IsDraining ? EngineState.Draining
            : WeightVersion < newestVersion && !allowStale ? EngineState.Stale
            : EngineState.Up,
        WeightVersion, InFlight, Requests, Losses, Reported, Error);
}
