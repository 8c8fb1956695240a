using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Delivery;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tokenization.Masking;
using Microsoft.AspNetCore.SignalR;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>Server streams about rollouts; each ends with what it is about and goes at the client's pace.</summary>
internal sealed class RolloutHub(
    RolloutRegistry registry, TrajectoryFeed feed, DatabaseTrajectoryStore store, LeaseService leases, Policy policy) : Hub
{
    private const int WatchedEventCapacity = 1_024;
    private const int MostUnacknowledged = 1_024;

    /// <summary>Every trajectory of the rollout, from the first, as it is stored; ends with the rollout. Nothing is left out.</summary>
    public async IAsyncEnumerable<JsonElement> StreamTrajectories(
        string rolloutId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireRollout(rolloutId);
        await foreach (StoredTrajectory stored in feed.FollowAsync(rolloutId, cancellationToken))
            yield return JsonElement.Parse(TrajectoryJson.SerializeToUtf8(stored.Trajectory));
    }

    /// <summary>
    /// Leases the rollout's trajectories to this client one by one, as they finish, and at most <paramref name="window"/> of them before it
    /// calls <see cref="Acknowledge"/>; ends when all are acknowledged. What the client has not acknowledged when it leaves goes to another.
    /// With <c>delivery.max_unacknowledged</c> a slow client slows the rollout down.
    /// </summary>
    /// <param name="rolloutId">The rollout.</param>
    /// <param name="window">Most unacknowledged trajectories, 1 to 1024.</param>
    /// <param name="cancellationToken">The client has left.</param>
    public async IAsyncEnumerable<LeasedTrajectory> Deliver(string rolloutId, int window, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (window is < 1 or > MostUnacknowledged)
            throw new HubException($"The window is {window}; it must be at least 1 and at most {MostUnacknowledged}.");
        RequireRollout(rolloutId);
        await using DeliveryStream stream = new(leases, registry, rolloutId, window);
        await foreach ((string leaseId, string trajectoryId) in stream.ReadAsync(cancellationToken))
            yield return new LeasedTrajectory(leaseId, JsonElement.Parse(TrajectoryJson.SerializeToUtf8(store.Find(trajectoryId)!)));
    }

    /// <summary>The trajectory of a lease is done with.</summary>
    public async Task<LeaseEnded> Acknowledge(string leaseId) =>
        await leases.AcknowledgeAsync(leaseId, Context.ConnectionAborted) ?? throw new HubException($"Lease '{leaseId}' is unknown.");

    /// <summary>
    /// Every sampled token of the trajectory, from the first, as <c>tokens_sampled</c> events; ends when it is sealed. Nothing is left out,
    /// whenever the client joins.
    /// </summary>
    public async IAsyncEnumerable<JsonElement> StreamTokens(
        string trajectoryId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IAsyncEnumerable<TokensSampled> tokens = await FindTokensAsync(trajectoryId, cancellationToken);
        await foreach (TokensSampled sampled in tokens.WithCancellation(cancellationToken))
            yield return ToJson(sampled);
    }

    /// <summary>
    /// What happens in the rollout from now on, tokens excepted; ends with the rollout. A client that is too slow misses events and reads
    /// <c>{"type":"events_dropped","dropped":N}</c> in their place.
    /// </summary>
    public async IAsyncEnumerable<JsonElement> Watch(string rolloutId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireRollout(rolloutId);
        if (registry.FindLive(rolloutId) is not { } rollout)
            yield break;

        EventSubscription subscription = rollout.Subscribe(WatchedEventCapacity);
        try
        {
            await foreach (WatchedEvent watched in subscription.ReadAsync(cancellationToken))
            {
                if (watched.DroppedBefore > 0)
                    yield return JsonSerializer.SerializeToElement(new EventsDropped(watched.DroppedBefore), GatewayJson.Default.EventsDropped);
                if (watched.Event is { } happened)
                    yield return ToJson(happened);
            }
        }
        finally
        {
            rollout.Unsubscribe(subscription);
        }
    }

    private void RequireRollout(string rolloutId)
    {
        if (!registry.Exists(rolloutId))
            throw new HubException($"Rollout '{rolloutId}' is unknown.");
    }

    /// <summary>A stored trajectory is told from its record, a running one from its log; one that has yet to start is waited for.</summary>
    private async Task<IAsyncEnumerable<TokensSampled>> FindTokensAsync(string trajectoryId, CancellationToken cancellationToken)
    {
        while (true)
        {
            LiveRollout? rollout = registry.FindLiveByTrajectory(trajectoryId);
            Task changed = rollout?.Started.Next ?? Task.CompletedTask;
            if (rollout?.Find(trajectoryId) is { } running)
                return running.Tokens.ReadAsync(cancellationToken);
            if (await store.FindAsync(trajectoryId, cancellationToken) is { } stored)
                return SampledTokens(stored).ToAsyncEnumerable();
            if (rollout is null || rollout.HasEnded)
                throw new HubException($"Trajectory '{trajectoryId}' is unknown.");
            await changed.WaitAsync(cancellationToken);
        }
    }

    private IEnumerable<TokensSampled> SampledTokens(Trajectory trajectory) =>
        from sequence in trajectory.Sequences
        from segment in sequence.Segments
        where segment.Source == SegmentSource.Sampled
        let ids = sequence.TokenIds[segment.Start..segment.End]
        select new TokensSampled(
            trajectory.RolloutId,
            trajectory.Id,
            segment.Turn,
            ids,
            sequence.Logprobs[segment.Start..segment.End] is var logprobs && logprobs.Contains(null) ? [] : [.. logprobs.Select(logprob => logprob!.Value)],
            policy.Format.Tokenizer.Decode(ids),
            segment.WeightVersion!.Value);

    private static JsonElement ToJson(RolloutEvent happened) => JsonSerializer.SerializeToElement(happened, TrajectoryJson.Options);
}
