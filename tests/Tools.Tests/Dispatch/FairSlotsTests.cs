using AgentRollout.Tools.Dispatch;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class FairSlotsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_key_of_many_calls_holds_up_anothers_call_by_one_turn()
    {
        var slots = new FairSlots(2, TimeProvider.System);
        Assert.True(await slots.TakeAsync("many", Long, default));
        Assert.True(await slots.TakeAsync("many", Long, default));
        ValueTask<bool>[] many = [.. Enumerable.Range(0, 10_000).Select(_ => slots.TakeAsync("many", Long, default))];
        ValueTask<bool> one = slots.TakeAsync("one", Long, default);
        slots.Release();
        slots.Release();
        Assert.True(await one);
        Assert.True(await many[0]);
        Assert.False(many[1].IsCompleted);
    }

    [Fact]
    public async Task A_call_that_gives_up_leaves_its_turn_to_the_next()
    {
        var slots = new FairSlots(1, TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        Assert.True(await slots.TakeAsync("a", Long, default));
        ValueTask<bool> cancelled = slots.TakeAsync("a", Long, cancel.Token);
        Assert.False(await slots.TakeAsync("b", TimeSpan.FromMilliseconds(1), default));
        ValueTask<bool> next = slots.TakeAsync("c", Long, default);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await cancelled);
        slots.Release();
        Assert.True(await next);
        slots.Release();
        Assert.True(await slots.TakeAsync("a", Long, default));
    }

    [Fact]
    public async Task No_slot_is_lost_and_none_is_given_twice_whatever_calls_give_up()
    {
        const int Most = 5;
        var slots = new FairSlots(Most, TimeProvider.System);
        int running = 0;
        await Task.WhenAll(Enumerable.Range(0, 2_000).Select(i => Task.Run(async () =>
        {
            var random = new Random(i);
            using var cancel = new CancellationTokenSource();
            if (i % 3 == 0)
                cancel.CancelAfter(random.Next(20));
            try
            {
                if (!await slots.TakeAsync($"{i % 7}", i % 5 == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 20)) : Long, cancel.Token))
                    return;
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Assert.InRange(Interlocked.Increment(ref running), 1, Most);
            await Task.Yield();
            Interlocked.Decrement(ref running);
            slots.Release();
        })));
        for (int i = 0; i < Most; i++)
            Assert.True(await slots.TakeAsync("after", Long, default));
        Assert.False(await slots.TakeAsync("after", TimeSpan.FromMilliseconds(1), default));
    }
}
