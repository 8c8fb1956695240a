using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>
/// One watcher's view of a rollout's events. The buffer is bounded: what does not fit is dropped and counted, and the watcher is told the
/// count at the place where they are missing, so a slow watcher neither holds up the loop nor takes memory.
/// </summary>
internal sealed class EventSubscription(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Channel<WatchedEvent> _events = Channel.CreateUnbounded<WatchedEvent>(new UnboundedChannelOptions { SingleReader = true });
    private int _buffered;
    private int _dropped;

    public void Offer(RolloutEvent rolloutEvent)
    {
        lock (_lock)
        {
            if (_buffered >= capacity)
            {
                _dropped++;
                return;
            }

            _buffered++;
            _events.Writer.TryWrite(new WatchedEvent(TakeDropped(), rolloutEvent));
        }
    }

    /// <summary>Ends the stream behind what is buffered.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            if (_dropped > 0)
                _events.Writer.TryWrite(new WatchedEvent(TakeDropped(), null));
            _events.Writer.TryComplete();
        }
    }

    public async IAsyncEnumerable<WatchedEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (WatchedEvent watched in _events.Reader.ReadAllAsync(cancellationToken))
        {
            lock (_lock)
                _buffered--;
            yield return watched;
        }
    }

    private int TakeDropped()
    {
        int dropped = _dropped;
        _dropped = 0;
        return dropped;
    }
}

/// <summary>What a watcher reads next.</summary>
/// <param name="DroppedBefore">How many events were dropped right before this one.</param>
/// <param name="Event">The event; null where only dropped ones are left to tell of.</param>
internal readonly record struct WatchedEvent(int DroppedBefore, RolloutEvent? Event);
