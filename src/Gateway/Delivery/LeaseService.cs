using System.Collections.Concurrent;
using AgentRollout.Environments;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Delivery;

/// <summary>Hands out finished trajectories by lease, and waits for them where there are none yet.</summary>
internal sealed class LeaseService(LeaseStore store, RolloutRegistry registry, Policy policy, TimeProvider timeProvider)
{
    private readonly ConcurrentDictionary<string, ChangeSignal> _givenBack = new(StringComparer.Ordinal);

    /// <summary>Takes trajectories or groups; waits as long as the request says, or until nothing will come any more.</summary>
    /// <exception cref="InvalidInputException">The request contradicts itself.</exception>
    public async Task<(LeaseResponse Lease, IReadOnlyList<Candidate> Trajectories)> TakeAsync(
        RolloutResponse rollout, LeaseBody body, CancellationToken cancellationToken)
    {
        Check(body, rollout);
        DateTimeOffset until = timeProvider.GetUtcNow().AddSeconds(body.WaitSeconds);
        while (true)
        {
            LiveRollout? live = registry.FindLive(rollout.Id);
            Task finished = live?.Changed.Next ?? Task.CompletedTask;
            Task givenBack = GivenBack(rollout.Id).Next;
            bool hasEnded = live is null || live.HasEnded;
            DateTimeOffset now = timeProvider.GetUtcNow();
            string id = Guid.CreateVersion7(now).ToString("N");
            TakeOrder order = new(id, rollout.Id, body, rollout.SamplesPerTask, hasEnded, policy.Engine.Model.WeightVersion, now);
            Taken taken = await store.TakeAsync(order, cancellationToken);
            if (taken.Dropped > 0)
                Close(rollout.Id, taken.Dropped);
            DeliveryCounts counts = store.Count(rollout.Id, now);
            bool isExhausted = hasEnded && counts is { Available: 0, Leased: 0 };
            if (taken.Trajectories.Count > 0 || isExhausted || now >= until)
                return (Describe(order, taken, isExhausted, counts), taken.Trajectories);

            Task change = hasEnded ? givenBack : Task.WhenAny(finished, givenBack);
            DateTimeOffset expiry = store.NextExpiry(rollout.Id, now) ?? DateTimeOffset.MaxValue;
            TimeSpan patience = (expiry < until ? expiry : until) - now;
            await change.WaitAsync(patience, timeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>What a lease holds is done with; null where there is no such lease.</summary>
    public async Task<LeaseEnded?> AcknowledgeAsync(string leaseId, CancellationToken cancellationToken)
    {
        if (await store.AcknowledgeAsync(leaseId, timeProvider.GetUtcNow(), cancellationToken) is not { } acknowledged)
            return null;
        Close(acknowledged.RolloutId, acknowledged.Closed);
        return acknowledged.Ended;
    }

    /// <summary>Gives back what a lease holds; false where there is no such lease.</summary>
    public async Task<bool> ReleaseAsync(string leaseId, CancellationToken cancellationToken)
    {
        if (await store.ReleaseAsync(leaseId, cancellationToken) is not { } rolloutId)
            return false;
        GivenBack(rolloutId).Pulse();
        return true;
    }

    /// <summary>Holds a lease for longer; null where there is no such lease.</summary>
    /// <exception cref="ConflictException">It has ended, or expired and lost trajectories to another.</exception>
    public async Task<LeaseExtended?> ExtendAsync(string leaseId, double seconds, CancellationToken cancellationToken)
    {
        DateTimeOffset expiresAt = timeProvider.GetUtcNow().AddSeconds(seconds);
        return await store.ExtendAsync(leaseId, expiresAt, cancellationToken) switch
        {
            null => null,
            true => new LeaseExtended(leaseId, expiresAt),
            false => throw new ConflictException(ProblemCodes.LeaseEnded, $"Lease '{leaseId}' has ended, or expired and lost trajectories to another."),
        };
    }

    /// <summary>Extends a lease; false where it has ended.</summary>
    public async Task<bool> IsHeldAsync(string leaseId, double seconds, CancellationToken cancellationToken) =>
        await store.ExtendAsync(leaseId, timeProvider.GetUtcNow().AddSeconds(seconds), cancellationToken) is true;

    /// <summary>Pulses when trajectories of the rollout were given back or done with.</summary>
    public ChangeSignal GivenBack(string rolloutId) => _givenBack.GetOrAdd(rolloutId, _ => new ChangeSignal());

    /// <summary>Where the rollout's finished trajectories are.</summary>
    public DeliveryCounts Count(string rolloutId) => store.Count(rolloutId, timeProvider.GetUtcNow());

    private void Close(string rolloutId, int trajectories)
    {
        registry.FindLive(rolloutId)?.Gate?.Leave(trajectories);
        GivenBack(rolloutId).Pulse();
    }

    private static LeaseResponse Describe(TakeOrder order, Taken taken, bool isExhausted, DeliveryCounts counts) => new()
    {
        LeaseId = taken.Trajectories.Count > 0 ? order.LeaseId : null,
        ExpiresAt = taken.Trajectories.Count > 0 ? order.ExpiresAt : null,
        Exhausted = isExhausted,
        Groups = order.Body.Unit == LeaseUnit.Group ? Groups(taken.Trajectories, order.Body.Advantages) : null,
        Delivery = counts,
    };

    private static LeasedGroup[] Groups(IReadOnlyList<Candidate> trajectories, AdvantageKind? advantages) =>
    [
        .. trajectories.GroupBy(trajectory => trajectory.GroupId).Select(group => new LeasedGroup(
            group.Key,
            [.. group.Select(trajectory => trajectory.Id)],
            advantages is { } kind ? GroupAdvantages.Compute(kind, [.. group.Select(trajectory => trajectory.Reward ?? 0)]) : null)),
    ];

    private static void Check(LeaseBody body, RolloutResponse rollout)
    {
        if (body.Unit == LeaseUnit.Trajectory && body.Advantages is not null)
            throw Invalid("Member 'advantages' needs 'unit' to be group, since an advantage is relative to a group.");
        if (body.Unit == LeaseUnit.Trajectory && (body.Filters.MinGroupSize is not null || body.Filters.DropEqualRewards))
            throw Invalid("Members 'filters.min_group_size' and 'filters.drop_equal_rewards' need 'unit' to be group.");
        if (body.Filters.MinGroupSize > rollout.SamplesPerTask)
            throw Invalid($"Member 'filters.min_group_size' is {body.Filters.MinGroupSize}; the rollout's groups have {rollout.SamplesPerTask} trajectories.");
        if (body.Filters.Statuses is [])
            throw Invalid("Member 'filters.statuses' is empty; known statuses: completed, truncated, aborted, failed.");
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
