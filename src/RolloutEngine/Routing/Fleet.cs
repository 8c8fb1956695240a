using AgentRollout.RolloutEngine.Remote;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>The engines behind a router: who is there, who gets what, and who must be brought up to date. Thread-safe.</summary>
internal sealed class Fleet(RoutingOptions options, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private const int KeysRemembered = 1 << 16;

    private readonly Lock _lock = new();
    private readonly List<EngineSlot> _slots = [];
    private readonly RecentKeys<string, EngineSlot> _trajectories = new(KeysRemembered);
    private readonly RecentKeys<string, EngineSlot> _groups = new(KeysRemembered);
    private readonly long[] _choices = new long[Enum.GetValues<RoutingReason>().Length];
    private TaskCompletionSource _changed = NewSignal();
    private bool _isDisposed;

    /// <summary>What engines are to be told that come back.</summary>
    public FleetState Wanted { get; } = new();

    /// <summary>The newest weights that an engine is known to have, or that all were to get.</summary>
    public long NewestVersion
    {
        get
        {
            lock (_lock)
                return FindNewest();
        }
    }

    /// <summary>The engines that answer.</summary>
    public IReadOnlyList<EngineSlot> Answering
    {
        get
        {
            lock (_lock)
                return [.. _slots.Where(slot => slot.Node is not null)];
        }
    }

    /// <summary>All engines, whether or not they answer.</summary>
    public IReadOnlyList<EngineSlot> All
    {
        get
        {
            lock (_lock)
                return [.. _slots];
        }
    }

    /// <summary>How often each reason decided.</summary>
    public IReadOnlyDictionary<RoutingReason, long> Choices
    {
        get
        {
            lock (_lock)
                return Enum.GetValues<RoutingReason>().ToDictionary(reason => reason, reason => _choices[(int)reason]);
        }
    }

    public IReadOnlyList<EngineStatus> Describe()
    {
        lock (_lock)
        {
            long newest = FindNewest();
            return [.. _slots.Select(slot => slot.Describe(newest, options.AllowStale))];
        }
    }

    /// <summary>Adds an engine and watches it from now on; ends once it was asked for the first time.</summary>
    /// <exception cref="EngineException">There is one of this name.</exception>
    public async Task AddAsync(string name, Func<CancellationToken, Task<IEngineNode>> connect, CancellationToken cancellationToken)
    {
        EngineSlot slot = new(name, connect);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_slots.Any(other => other.Name == name))
                throw new EngineException($"There is an engine '{name}' already.");
            _slots.Add(slot);
        }

        FleetWatch watch = new(this, slot, options, time, logger);
        Task first = watch.ProbeAsync();
        slot.Watch = watch.RunAsync(first);
        await first.WaitAsync(cancellationToken);
    }

    /// <summary>Lets an engine finish what it has and sends it nothing new.</summary>
    /// <returns>False where there is none of this name.</returns>
    public bool Drain(string name)
    {
        lock (_lock)
        {
            if (_slots.Find(slot => slot.Name == name) is not { } slot)
                return false;
            slot.IsDraining = true;
        }

        Signal();
        return true;
    }

    /// <summary>Takes an engine out, as soon as it has finished what it has, or at once: what it has then goes on elsewhere.</summary>
    /// <returns>False where there is none of this name.</returns>
    public async Task<bool> RemoveAsync(string name, bool atOnce, CancellationToken cancellationToken)
    {
        if (!Drain(name))
            return false;
        EngineSlot? slot;
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                slot = _slots.Find(slot => slot.Name == name);
                if (slot is null || atOnce || slot.InFlight == 0)
                {
                    _ = slot is not null && _slots.Remove(slot);
                    break;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }

        if (slot is not null)
            await EndAsync(slot);
        return slot is not null;
    }

    /// <summary>A place at the engine that the policy chooses, as soon as one can take the request; null where its deadline passes before.</summary>
    /// <exception cref="EngineException">None could for too long.</exception>
    public async ValueTask<EngineLease?> AcquireAsync(GenerationRequest request, CancellationToken cancellationToken)
    {
        ulong[] blocks = PrefixBlocks.Hash(request.Tokens.Span);
        long started = time.GetTimestamp();
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_isDisposed)
                    throw new EngineException("The router has been disposed.") { IsLost = true };
                if (Choose(request, blocks) is { } slot)
                    return slot.Lease(this, cancellationToken);
                changed = _changed.Task;
            }

            TimeSpan left = options.Patience - time.GetElapsedTime(started);
            bool endsByDeadline = request.Deadline is { } deadline && deadline - time.GetUtcNow() < left;
            if (endsByDeadline)
                left = request.Deadline!.Value - time.GetUtcNow();
            if (left <= TimeSpan.Zero)
                return endsByDeadline ? null : throw NoEngine(request.Id);
            await changed.WaitAsync(left, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public void Return(EngineSlot slot)
    {
        bool isAwaited;
        lock (_lock)
        {
            slot.Return();
            isAwaited = slot.IsDraining;
        }

        if (isAwaited)
            Signal();
    }

    /// <summary>Notes that an engine is asked how it is.</summary>
    /// <returns>Its connection; null where it is away.</returns>
    public IEngineNode? BeginProbe(EngineSlot slot)
    {
        lock (_lock)
        {
            slot.BeginProbe();
            return slot.Node;
        }
    }

    /// <summary>Notes that an engine answered.</summary>
    /// <param name="slot">The engine.</param>
    /// <param name="before">The connection that it had when it was asked; it may be lost by now.</param>
    /// <param name="node">The connection over which it answered.</param>
    /// <param name="load">What it said.</param>
    public void SetUp(EngineSlot slot, IEngineNode? before, IEngineNode node, EngineLoad load)
    {
        lock (_lock)
        {
            if (slot.Node != before)
                return;
            slot.SetUp(before is null ? new EngineConnection(node) : null, load);
        }

        if (before is null)
            Log.RoutedEngineUp(logger, slot.Name, slot.WeightVersion);
        Signal();
    }

    /// <summary>Notes that an engine is lost, unless it is connected anew already. What it still had goes on elsewhere.</summary>
    public void Lose(EngineSlot slot, IEngineNode? node, string reason)
    {
        if (TakeDown(slot, node, reason) is not { } connection)
            return;
        Log.RoutedEngineLost(logger, slot.Name, reason);
        _ = connection.DisposeAsync().AsTask();
    }

    /// <summary>Notes what an engine refused that is up.</summary>
    public void Refuse(EngineSlot slot, string reason)
    {
        lock (_lock)
            slot.Error = reason;
    }

    /// <summary>Notes that an engine has forgotten what it computed.</summary>
    public void Forget(EngineSlot slot)
    {
        lock (_lock)
            slot.Prefixes.Clear();
    }

    /// <summary>Counts a question that an engine did not answer; says how often that was in a row.</summary>
    public int Miss(EngineSlot slot)
    {
        lock (_lock)
            return ++slot.Misses;
    }

    /// <summary>Lets requests look again that wait for an engine.</summary>
    public void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).SetResult();

    public async ValueTask DisposeAsync()
    {
        EngineSlot[] slots;
        lock (_lock)
        {
            _isDisposed = true;
            slots = [.. _slots];
            _slots.Clear();
        }

        Signal();
        await Task.WhenAll(slots.Select(EndAsync));
    }

    private async Task EndAsync(EngineSlot slot)
    {
        await slot.Stopping.CancelAsync();
        await slot.Watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (TakeDown(slot, slot.Node, $"Engine '{slot.Name}' was removed.") is { } connection)
            await connection.DisposeAsync();
        slot.Stopping.Dispose();
    }

    private EngineConnection? TakeDown(EngineSlot slot, IEngineNode? node, string reason)
    {
        EngineConnection? lost;
        lock (_lock)
        {
            if (slot.Node != node)
                return null;
            lost = slot.SetDown(reason);
        }

        Signal();
        return lost;
    }

    private EngineSlot? Choose(GenerationRequest request, ulong[] blocks)
    {
        EngineSlot? lastOfTrajectory = request.CacheKey is { } key && _trajectories.TryGet(key, out EngineSlot? slot) ? slot : null;
        EngineSlot? firstOfGroup = request.GroupKey is { } group && _groups.TryGet(group, out slot) ? slot : null;
        EngineView[] views = new EngineView[_slots.Count];
        for (int i = 0; i < views.Length; i++)
        {
            EngineSlot engine = _slots[i];
            views[i] = new EngineView(
                engine is { Node: not null, IsDraining: false }, engine.WeightVersion, engine.Load, engine.Requests,
                engine == lastOfTrajectory, engine == firstOfGroup, engine.Prefixes.CountKnown(blocks));
        }

        if (RoutingPolicy.Choose(views, FindNewest(), options) is not { } choice)
            return null;
        EngineSlot chosen = _slots[choice.Engine];
        _choices[(int)choice.Reason]++;
        if (request.CacheKey is not null)
            _trajectories.Set(request.CacheKey, chosen);
        if (request.GroupKey is not null && firstOfGroup?.Node is null)
            _groups.Set(request.GroupKey, chosen);
        chosen.Prefixes.Add(blocks);
        return chosen;
    }

    private long FindNewest()
    {
        long newest = Wanted.Version;
        foreach (EngineSlot slot in _slots)
        {
            // The order of other labels says nothing.
            if (slot.WeightVersion < VersionLabel.FirstHash)
                newest = Math.Max(newest, slot.WeightVersion);
        }

        return newest;
    }

    private EngineException NoEngine(string id)
    {
        IReadOnlyList<EngineStatus> engines = Describe();
        string reasons = engines is [] ? "there is none" : string.Join("; ", engines.Select(engine => engine.State switch
        {
            EngineState.Down => $"'{engine.Name}' is down ({engine.Error})",
            EngineState.Stale => $"'{engine.Name}' has weights {engine.WeightVersion} and {NewestVersion} are the newest",
            _ => $"'{engine.Name}' is draining",
        }));
        return new EngineException($"No engine could take request '{id}' within {options.Patience.TotalSeconds} s: {reasons}.") { IsLost = true };
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
