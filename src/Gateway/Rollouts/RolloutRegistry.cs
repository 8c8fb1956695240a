using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Delivery;
using AgentRollout.Gateway.Metrics;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>Accepts, finds and cancels rollouts; knows which of the stored ones are alive.</summary>
internal sealed class RolloutRegistry(
    RolloutStore store, DatabaseJournal journal, LeaseStore leases, CompletionTimes completions, RolloutQueue queue, TimeProvider timeProvider)
{
    private readonly ConcurrentDictionary<string, LiveRollout> _live = new(StringComparer.Ordinal);

    /// <summary>All rollouts that wait or play.</summary>
    public IEnumerable<LiveRollout> Live => _live.Values;

    /// <summary>Stores a checked request and queues it; null, and nothing is stored, where the queue is full.</summary>
    /// <param name="request">What to play.</param>
    /// <param name="key">What the client calls the request: a second one of the same key starts nothing and gets the id of the first. Null for none.</param>
    /// <param name="cancellationToken">The client is gone.</param>
    /// <param name="trace">The trace that the rollout's spans go on; none where it begins one.</param>
    public Task<string?> AddAsync(StartRolloutRequest request, string? key, CancellationToken cancellationToken, ActivityContext trace = default) =>
        AddAsync(request, key, [], cancellationToken, trace);

    /// <summary>The same for a rollout of one task whose samples have journals already, each beginning with these events.</summary>
    public async Task<string?> AddAsync(
        StartRolloutRequest request, string? key, IReadOnlyList<IReadOnlyList<JournalEvent>> begun, CancellationToken cancellationToken, ActivityContext trace = default)
    {
        if (key is not null && store.FindByKey(key) is { } known)
            return known.Id;
        if (!queue.TryReserve())
            return null;
        DateTimeOffset now = timeProvider.GetUtcNow();
        string id = Guid.CreateVersion7(now).ToString("N");
        LiveRollout rollout = new(id, request, unacknowledged: 0, timeProvider) { Trace = trace };
        bool isNew = false;
        try
        {
            // Before the rollout, so that what is accepted has them; without it they mean nothing.
            for (int sample = 0; sample < begun.Count; sample++)
                await journal.AppendAsync(EpisodeSpec.IdOf(id, 0, sample), begun[sample]);
            byte[] json = JsonSerializer.SerializeToUtf8Bytes(request, GatewayJson.Default.StartRolloutRequest);
            isNew = await store.TryAddAsync(id, key, json, now, cancellationToken);
            if (!isNew)
                return store.FindByKey(key!)!.Id;
        }
        finally
        {
            if (!isNew)
            {
                queue.Release();
                rollout.Dispose();
            }
        }

        _live[id] = rollout;
        queue.Enqueue(rollout);
        return id;
    }

    /// <summary>
    /// Queues what an earlier run of the server accepted and did not finish. What was to be cancelled begins no trajectory, and seals those that had begun.
    /// </summary>
    public async Task RecoverAsync()
    {
        foreach (RolloutRow row in store.Unfinished())
        {
            LiveRollout rollout = new(row.Id, ReadRequest(row), Unacknowledged(row.Id), timeProvider);
            if (row.CancelRequested)
                await rollout.CancelAsync();
            _live[row.Id] = rollout;
            queue.Recover(rollout);
        }
    }

    /// <summary>Takes in a stored rollout that agents outside play.</summary>
    public void Adopt(LiveRollout rollout) => _live[rollout.Id] = rollout;

    /// <summary>A rollout was cut off in play and goes on from what is stored.</summary>
    public void Rewind(LiveRollout rollout) => rollout.Rewind(Unacknowledged(rollout.Id));

    /// <summary>The rollout, where it waits or plays.</summary>
    public LiveRollout? FindLive(string id) => _live.GetValueOrDefault(id);

    /// <summary>The live rollout whose trajectory this could be: a trajectory's id begins with that of its rollout.</summary>
    public LiveRollout? FindLiveByTrajectory(string trajectoryId)
    {
        int end = trajectoryId.IndexOf('-', StringComparison.Ordinal);
        return end < 0 ? null : FindLive(trajectoryId[..end]);
    }

    /// <summary>Whether the id is that of a rollout, live or stored.</summary>
    public bool Exists(string id) => _live.ContainsKey(id) || store.Find(id) is not null;

    /// <summary>A rollout's state and counts, or null where the id is unknown.</summary>
    public RolloutResponse? Find(string id) => store.Find(id) is { } row ? Describe(row, isAlone: true) : null;

    /// <summary>The newest rollouts first.</summary>
    public RolloutList List(int limit, string? before)
    {
        RolloutResponse[] page = [.. store.List(limit, before).Select(row => Describe(row, isAlone: false))];
        return new RolloutList(page, page.Length == limit ? page[^1].Id : null);
    }

    /// <summary>
    /// Cancels: a waiting rollout ends at once, a running one seals its trajectories as aborted and then ends. A rollout that ended
    /// before stays as it is.
    /// </summary>
    /// <returns>The rollout's state, or null where the id is unknown.</returns>
    public async Task<RolloutResponse?> CancelAsync(string id, CancellationToken cancellationToken)
    {
        if (FindLive(id) is { } rollout)
        {
            await store.RequestCancelAsync(id, cancellationToken);
            if (queue.Remove(rollout))
                await EndAsync(rollout, RolloutState.Cancelled, error: null);
            else if (!rollout.HasEnded)
                await rollout.CancelAsync();
        }

        return Find(id);
    }

    /// <summary>Stores the terminal state and ends every stream of the rollout.</summary>
    public async Task EndAsync(LiveRollout rollout, RolloutState state, string? error)
    {
        await store.EndAsync(rollout.Id, state, error, timeProvider.GetUtcNow(), CancellationToken.None);
        RolloutMetrics.CountEnded(state);
        rollout.End();
        _live.TryRemove(rollout.Id, out _);
        rollout.Dispose();
    }

    private int Unacknowledged(string id)
    {
        DeliveryCounts delivery = leases.Count(id, timeProvider.GetUtcNow());
        return delivery.Available + delivery.Leased;
    }

    private RolloutResponse Describe(RolloutRow row, bool isAlone)
    {
        StartRolloutRequest request = ReadRequest(row);
        return RolloutResponse.Of(
            row,
            request,
            store.Totals(row.Id),
            FindLive(row.Id)?.Trajectories.Count() ?? 0,
            leases.Count(row.Id, timeProvider.GetUtcNow()),
            isAlone ? CompletionCurve.Of(completions.Read(row.Id, row.StartedAt), RolloutPlanner.TrajectoryCount(request)) : null);
    }

    private static StartRolloutRequest ReadRequest(RolloutRow row) =>
        JsonSerializer.Deserialize(row.Request, GatewayJson.Default.StartRolloutRequest)!;
}
