using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Delivery;

/// <summary>
/// Lets a trajectory begin only while fewer than so many are in play or wait for their acknowledgement, so that a slow trainer slows the
/// rollout down and nothing piles up. Thread-safe.
/// </summary>
internal sealed class DeliveryGate(int most, int open)
{
    private readonly Lock _lock = new();
    private readonly ChangeSignal _left = new();
    private int _inside = open;

    /// <summary>Waits for room.</summary>
    public async ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task left = _left.Next;
            lock (_lock)
            {
                if (_inside < most)
                {
                    _inside++;
                    return;
                }
            }

            await left.WaitAsync(cancellationToken);
        }
    }

    /// <summary>So many were acknowledged or dropped.</summary>
    public void Leave(int count)
    {
        lock (_lock)
            _inside -= count;
        _left.Pulse();
    }
}
