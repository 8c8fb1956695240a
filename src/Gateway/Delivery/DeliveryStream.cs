using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Delivery;

/// <summary>Leases a rollout's trajectories to one client, one by one, and gives back at the end what it did not acknowledge.</summary>
internal sealed class DeliveryStream(LeaseService leases, RolloutRegistry registry, string rolloutId, int window) : IAsyncDisposable
{
    private const double LeaseSeconds = 60;
    private const double WaitSeconds = 10;

    private readonly List<string> _unacknowledged = [];

    /// <summary>A lease and its trajectory each; ends when nothing will come any more.</summary>
    public async IAsyncEnumerable<(string LeaseId, string TrajectoryId)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LeaseBody body = new() { Count = 1, Seconds = LeaseSeconds, WaitSeconds = WaitSeconds };
        while (true)
        {
            Task change = leases.GivenBack(rolloutId).Next;
            await KeepAsync(cancellationToken);
            if (_unacknowledged.Count >= window)
            {
                // Leases are extended while the client takes its time.
                await change.WaitAsync(TimeSpan.FromSeconds(WaitSeconds), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                continue;
            }

            (LeaseResponse lease, IReadOnlyList<Candidate> trajectories) = await leases.TakeAsync(registry.Find(rolloutId)!, body, cancellationToken);
            if (lease.Exhausted)
                yield break;
            if (lease.LeaseId is null)
                continue;
            _unacknowledged.Add(lease.LeaseId);
            yield return (lease.LeaseId, trajectories[0].Id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string lease in _unacknowledged)
            await leases.ReleaseAsync(lease, CancellationToken.None);
    }

    /// <summary>Extends what the client holds and forgets what it has acknowledged.</summary>
    private async Task KeepAsync(CancellationToken cancellationToken)
    {
        foreach (string lease in _unacknowledged.ToArray())
        {
            if (!await leases.IsHeldAsync(lease, LeaseSeconds, cancellationToken))
                _unacknowledged.Remove(lease);
        }
    }
}

/// <summary>A trajectory in the hands of a client.</summary>
/// <param name="LeaseId">What it acknowledges.</param>
/// <param name="Trajectory">The trajectory.</param>
internal sealed record LeasedTrajectory(string LeaseId, JsonElement Trajectory);
