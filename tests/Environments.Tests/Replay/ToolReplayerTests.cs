using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class ToolReplayerTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Calls_of_the_shipped_model_are_answered_as_recorded()
    {
        await using ShippedModel model = new();
        List<Trajectory> trajectories = await model.PlayAsync(LookupEnvironment.Definition, tasks: 8, samples: 1);

        ToolReplayResult[] results = await Task.WhenAll(trajectories.Select(trajectory => model.Tools.ReplayAsync(trajectory, Timeout)));

        Assert.All(results, result => Assert.Equal((0, null), (result.Differing, result.FirstDivergence)));
        Assert.Equal(trajectories.Select(trajectory => trajectory.ToolCalls.Count), results.Select(result => result.Calls.Count));
        Assert.Contains(results, result => result.Same > 0);
    }

    [Fact]
    public async Task A_tool_that_changed_its_answer_is_found_with_the_difference()
    {
        int calls = 0;
        TestTool clock = new("clock", (x, _) => Task.FromResult($"first line\n{x} at {Interlocked.Increment(ref calls)}\nlast line"));
        using TestPolicy policy = TestPolicy.Saying(
            [TestTool.Echo, clock], TestTool.Call("echo", "a") + TestTool.Call("clock", "b"), TestTool.Call("echo", "c"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo", "clock"));
        TestProgress progress = new();

        ToolReplayResult result = await policy.ToolReplayer.ReplayAsync(trajectory, Timeout, progress);

        Assert.Equal((2, 1, "c2"), (result.Same, result.Differing, result.FirstDivergence));
        ReplayedCall call = result.Calls[1];
        Assert.Equal((CallOutcome.Differs, 1, "first line\nb at 2\nlast line"), (call.Outcome, call.Turn, call.Replayed));
        Assert.Equal("first line\nb at ".Length, call.FirstDifference);
        Assert.Equal(" first line\n-b at 1\n+b at 2\n last line\n", call.Diff);
        Assert.Equal([new ReplayProgress(2, 3), new ReplayProgress(3, 3)], progress.Reports);
    }

    [Fact]
    public async Task The_calls_belong_to_a_trajectory_of_their_own()
    {
        List<ToolInvocation> seen = [];
        SpyTool spy = new(seen);
        using TestPolicy policy = TestPolicy.Saying([spy], TestTool.Call("spy", "a"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "spy"));

        await policy.ToolReplayer.ReplayAsync(trajectory, Timeout);
        await policy.ToolReplayer.ReplayAsync(trajectory, Timeout);

        Assert.Equal(3, seen.Select(invocation => invocation.CallId).Distinct().Count());
        Assert.Equal(3, seen.Select(invocation => invocation.TrajectoryId).Distinct().Count());
    }

    [Fact]
    public async Task Calls_that_reached_no_tool_are_not_made_now_and_failures_are_compared_too()
    {
        TestTool broken = new("broken", (x, _) => throw new InvalidOperationException($"no {x}"));
        using TestPolicy policy = TestPolicy.Saying(
            [TestTool.Echo, broken],
            TestTool.Call("nosuch", "a") + TestTool.Call("broken", "b") + """<tool_call>{"name": "echo", "arguments": {}}</tool_call>""",
            "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo", "broken"));

        ToolReplayResult result = await policy.ToolReplayer.ReplayAsync(trajectory, Timeout);

        Assert.Equal([CallOutcome.NotRun, CallOutcome.Same, CallOutcome.Same], result.Calls.Select(call => call.Outcome));
    }

    [Fact]
    public async Task A_tool_that_is_gone_differs()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("echo", "a"), "6");
        using TestPolicy without = TestPolicy.Saying([]);
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        ToolReplayResult result = await without.ToolReplayer.ReplayAsync(trajectory, Timeout);

        Assert.Contains("echo", Assert.Single(result.Calls).Replayed, StringComparison.Ordinal);
        Assert.Equal(1, result.Differing);
    }

    [Theory]
    [InlineData(Truncation.Left)]
    [InlineData(Truncation.Middle)]
    [InlineData(Truncation.Right)]
    public async Task A_cut_result_is_compared_where_it_was_cut(Truncation truncate)
    {
        string end = "";
        TestTool large = new("large", (_, _) => Task.FromResult(string.Concat(Enumerable.Range(0, 200).Select(number => $"line {number}\n")) + end));
        using TestPolicy policy = TestPolicy.Saying([large], TestTool.Call("large", "a"), "6");
        RolloutLimits limits = new() { Results = new ResultLimits { MaxCharacters = 300, Truncate = truncate } };
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "large"), limits);
        Assert.NotNull(trajectory.ToolCalls[0].ResultLength);

        ToolReplayResult same = await policy.ToolReplayer.ReplayAsync(trajectory, Timeout);
        end = "one more";
        ToolReplayResult longer = await policy.ToolReplayer.ReplayAsync(trajectory, Timeout);

        Assert.Equal((CallOutcome.Same, CallOutcome.Differs), (same.Calls[0].Outcome, longer.Calls[0].Outcome));
        Assert.InRange(longer.Calls[0].Replayed!.Length, 1, 310);
    }

    [Fact]
    public async Task Cancelling_ends_the_calls()
    {
        int calls = 0;
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TestTool slow = new("slow", async (x, cancellationToken) =>
        {
            if (Interlocked.Increment(ref calls) == 2)
            {
                started.SetResult();
                await Task.Delay(System.Threading.Timeout.Infinite, cancellationToken);
            }

            return x;
        });
        using TestPolicy policy = TestPolicy.Saying([slow], TestTool.Call("slow", "a"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "slow"));
        using CancellationTokenSource cancel = new();

        Task<ToolReplayResult> replay = policy.ToolReplayer.ReplayAsync(trajectory, TimeSpan.FromMinutes(10), progress: null, cancel.Token);
        await started.Task;
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replay);
    }

    private sealed class SpyTool(List<ToolInvocation> seen) : ITool
    {
        public ToolSpec Spec { get; } = TestTool.Echo.Spec with { Name = "spy" };

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            lock (seen)
                seen.Add(invocation);
            return Task.FromResult("seen");
        }
    }
}
