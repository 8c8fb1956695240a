using AgentRollout.Gateway.Rollouts;
using Xunit;

namespace AgentRollout.Gateway.Tests.Rollouts;

public sealed class RolloutQueueTests
{
    [Fact]
    public async Task Rollouts_leave_in_the_order_in_which_they_came()
    {
        using RolloutQueue queue = new(3);
        LiveRollout[] rollouts = [Rollout("a"), Rollout("b"), Rollout("c")];
        foreach (LiveRollout rollout in rollouts)
        {
            Assert.True(queue.TryReserve());
            queue.Enqueue(rollout);
        }

        foreach (LiveRollout rollout in rollouts)
            Assert.Same(rollout, await queue.DequeueAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_reserved_place_counts_until_it_is_given_back()
    {
        using RolloutQueue queue = new(1);

        Assert.True(queue.TryReserve());
        Assert.False(queue.TryReserve());
        queue.Release();
        Assert.True(queue.TryReserve());
    }

    [Fact]
    public async Task A_removed_rollout_frees_its_place_and_is_never_dequeued()
    {
        using RolloutQueue queue = new(1);
        LiveRollout removed = Rollout("removed");
        LiveRollout kept = Rollout("kept");
        queue.TryReserve();
        queue.Enqueue(removed);

        Assert.True(queue.Remove(removed));
        Assert.False(queue.Remove(removed));
        Assert.True(queue.TryReserve());
        queue.Enqueue(kept);

        Assert.Same(kept, await queue.DequeueAsync(TestContext.Current.CancellationToken));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void Recovered_rollouts_are_not_bounded_but_fill_the_queue()
    {
        using RolloutQueue queue = new(1);
        queue.Recover(Rollout("a"));
        queue.Recover(Rollout("b"));

        Assert.Equal(2, queue.Count);
        Assert.False(queue.TryReserve());
    }

    private static LiveRollout Rollout(string id) => new(id, new StartRolloutRequest { Environment = "e" }, unacknowledged: 0, TimeProvider.System);
}
