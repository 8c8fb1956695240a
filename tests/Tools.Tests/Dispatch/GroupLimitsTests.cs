using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Tools.Dispatch;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class GroupLimitsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_worker_runs_so_many_calls_of_a_group_at_once()
    {
        var tools = new TestTools();
        await using ToolHost host = await ToolHost.StartAsync(tools.All, _ => { });
        GroupLimits limits = Limits(host, new ToolBusGroup { Tools = ["count"], ConcurrentCalls = 2 });
        ToolResult[] results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => RunAsync(limits, i, Long)));
        Assert.All(results, result => Assert.Null(result.Failure));
        Assert.InRange(tools.MostAtOnce, 1, 2);
    }

    [Fact]
    public async Task A_worker_starts_so_many_calls_of_a_group_per_second()
    {
        await using ToolHost host = await ToolHost.StartAsync(new TestTools().All, _ => { });
        GroupLimits limits = Limits(host, new ToolBusGroup { Tools = ["count"], CallsPerSecond = 10 });
        long started = Stopwatch.GetTimestamp();
        ToolResult[] results = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => RunAsync(limits, i, Long)));
        Assert.All(results, result => Assert.Null(result.Failure));
        // Five intervals of 0.1 s between six starts.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(0.4), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task A_call_whose_turn_comes_after_its_deadline_does_not_start()
    {
        var tools = new TestTools();
        await using ToolHost host = await ToolHost.StartAsync(tools.All, _ => { });
        GroupLimits limits = Limits(host, new ToolBusGroup { Tools = ["count"], CallsPerSecond = 0.001 });
        Assert.Null((await RunAsync(limits, 1, Long)).Failure);
        ToolResult late = await RunAsync(limits, 2, Long);
        Assert.Equal((ToolFailure.TimedOut, "Tool 'count' could not start within 30 s."), (late.Failure, late.Text));
        Assert.False(tools.Runs.ContainsKey("2"));
    }

    private static GroupLimits Limits(ToolHost host, ToolBusGroup group) => new(
        host.Get<ToolRunner>(),
        new ToolBusOptions { Broker = new Uri("amqp://127.0.0.1"), Groups = new Dictionary<string, ToolBusGroup> { ["group"] = group } },
        TimeProvider.System);

    private static Task<ToolResult> RunAsync(GroupLimits limits, int key, TimeSpan timeout) => limits.RunAsync(
        new ToolInvocation(Guid.NewGuid().ToString(), "trajectory", "count", JsonElement.Parse($$"""{"key": "{{key}}"}""")),
        CallClock.Start(TimeProvider.System, timeout),
        default);
}
