using AgentRollout.Tools.Dispatch;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class CallMemoryTests
{
    [Fact]
    public void Running_calls_are_kept_and_ended_ones_up_to_the_capacity()
    {
        var memory = new CallMemory<string, object>(capacity: 2);
        object[] calls = [.. Enumerable.Range(0, 4).Select(_ => new object())];
        for (int i = 0; i < 4; i++)
            Assert.Null(memory.FindOrAdd($"{i}", calls[i]));
        for (int i = 1; i < 4; i++)
            memory.End($"{i}", calls[i]);

        Assert.Same(calls[0], memory.FindOrAdd("0", new object()));
        Assert.Same(calls[2], memory.FindOrAdd("2", new object()));
        Assert.Same(calls[3], memory.FindOrAdd("3", new object()));
        Assert.Null(memory.FindOrAdd("1", new object()));
    }

    [Fact]
    public void A_forgotten_key_that_was_taken_anew_is_not_evicted_for_the_old_call()
    {
        var memory = new CallMemory<string, object>(capacity: 1);
        object first = new(), second = new(), other = new();
        memory.FindOrAdd("k", first);
        memory.End("k", first);
        memory.Forget("k", first);
        Assert.Null(memory.FindOrAdd("k", second));
        memory.FindOrAdd("o", other);
        memory.End("o", other);
        Assert.Same(second, memory.FindOrAdd("k", new object()));
    }

    [Fact]
    public void Without_capacity_nothing_that_ended_is_kept()
    {
        var memory = new CallMemory<string, object>(capacity: 0);
        object call = new();
        memory.FindOrAdd("k", call);
        memory.End("k", call);
        Assert.Null(memory.FindOrAdd("k", new object()));
    }
}
