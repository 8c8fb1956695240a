using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed class ToolLimitsTests
{
    private static readonly string Flood = TestTool.Call("floods", "1");

    private static TestTool Floods { get; } = new("floods", (_, _) => Task.FromResult(string.Concat(Enumerable.Repeat("é😀 ", 5_000))));

    [Fact]
    public async Task A_result_over_its_tokens_is_cut_before_the_model_reads_it()
    {
        using TestPolicy policy = TestPolicy.Saying([Floods], Flood, "6");

        Trajectory trajectory = await policy.PlayAsync(
            TestEnvironment.Expecting("6", "floods"), new RolloutLimits { Results = new ResultLimits { MaxTokens = 100, Truncate = Truncation.Right } });

        TrajectoryToolCall call = Assert.Single(trajectory.ToolCalls);
        Assert.Equal((StopReason.EnvironmentDone, 20_000, null), (trajectory.StopReason, call.ResultLength, call.Error));
        Assert.StartsWith("é😀 é😀", call.Result);
        Assert.EndsWith(" characters are left out here.]", call.Result);
        Assert.Equal(call.Result, trajectory.Messages[2].Content);
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
        Assert.Equal(call.Result, TrajectoryJson.Deserialize(TrajectoryJson.SerializeToUtf8(trajectory)).ToolCalls[0].Result);
    }

    [Fact]
    public async Task A_tool_may_have_limits_of_its_own()
    {
        using TestPolicy policy = TestPolicy.Saying([Floods, TestTool.Echo], Flood + "\n" + TestTool.Call("echo", new string('y', 700)), "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "floods", "echo"), new RolloutLimits
        {
            Results = new ResultLimits { MaxCharacters = 300 },
            ResultsByTool = new Dictionary<string, ResultLimits> { ["echo"] = new() { MaxCharacters = 600, Truncate = Truncation.Left } },
        });

        Assert.InRange(trajectory.ToolCalls[0].Result!.Length, 236, 300);
        Assert.InRange(trajectory.ToolCalls[1].Result!.Length, 536, 600);
        Assert.StartsWith("[164 characters are left out here.]\ny", trajectory.ToolCalls[1].Result);
    }

    [Fact]
    public async Task Calls_over_the_cap_of_a_turn_are_answered_and_not_dropped()
    {
        int runs = 0;
        TestTool counts = new("counts", (x, _) => Task.FromResult($"{Interlocked.Increment(ref runs)}{x}"));
        using TestPolicy policy = TestPolicy.Saying([counts], string.Join('\n', Enumerable.Repeat(TestTool.Call("counts", "a"), 5)), "over");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("over", "counts"), new RolloutLimits { MaxToolCallsPerTurn = 2 });

        Assert.Equal((2, 5), (runs, trajectory.ToolCalls.Count));
        Assert.All(trajectory.ToolCalls.Skip(2), call => Assert.Equal("This turn makes more than 2 calls; this one was not run.", call.Error));
        Assert.Equal(5, trajectory.Sequences[0].Segments.Single(segment => segment.Source == SegmentSource.Observation).CallIds!.Count);
        Assert.Equal((1.0, TrajectoryAudit.Consistent), (trajectory.Reward, trajectory.Audit.Template));
    }

    [Fact]
    public async Task Calls_over_the_budget_of_the_trajectory_are_answered_and_not_run()
    {
        using TestPolicy policy = TestPolicy.Saying(
            [TestTool.Echo], TestTool.Call("echo", "a"), TestTool.Call("echo", "b") + "\n" + TestTool.Call("echo", "c"), "over");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("over", "echo"), new RolloutLimits { MaxToolCalls = 2 });

        Assert.Equal(["a", "b", "The budget of 2 tool calls is spent; this call was not run."], trajectory.ToolCalls.Select(call => call.Result));
        Assert.Equal([1, 1, 0], trajectory.ToolCalls.Select(call => call.Attempts));
        Assert.Equal(StopReason.EnvironmentDone, trajectory.StopReason);
    }

    [Fact]
    public async Task A_budget_may_end_the_trajectory_instead()
    {
        using TestPolicy policy = TestPolicy.Saying(
            [TestTool.Echo], TestTool.Call("echo", "a"), TestTool.Call("echo", "b") + "\n" + TestTool.Call("echo", "c"));

        Trajectory trajectory = await policy.PlayAsync(
            TestEnvironment.Expecting("over", "echo"), new RolloutLimits { MaxToolCalls = 2, WhenSpent = SpentBudget.End });

        Assert.Equal((StopReason.MaxTurns, TrajectoryStatus.Truncated), (trajectory.StopReason, trajectory.Status));
        Assert.Equal(["a", null, null], trajectory.ToolCalls.Select(call => call.Result));
        Assert.All(trajectory.ToolCalls.Skip(1), call => Assert.Equal(
            "The budget of 2 tool calls does not allow the calls of this turn; no tool was run.", call.Error));
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Theory]
    [InlineData(SpentBudget.Answer, StopReason.EnvironmentDone, "The budget of 0.2 s of tool time is spent; this call was not run.")]
    [InlineData(SpentBudget.End, StopReason.Deadline, "The budget of 0.2 s of tool time does not allow the calls of this turn; no tool was run.")]
    public async Task Tools_get_no_more_time_than_the_trajectory_has_for_them(SpentBudget whenSpent, StopReason stop, string error)
    {
        TestTool hangs = new("hangs", async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "never";
        });
        using TestPolicy policy = TestPolicy.Saying([hangs], TestTool.Call("hangs", "1"), TestTool.Call("hangs", "2"), "over");

        Trajectory trajectory = await policy.PlayAsync(
            TestEnvironment.Expecting("over", "hangs"), new RolloutLimits { MaxToolTime = TimeSpan.FromSeconds(0.2), WhenSpent = whenSpent });

        Assert.Equal(stop, trajectory.StopReason);
        Assert.Equal(["Tool 'hangs' did not answer within 0.2 s.", error], trajectory.ToolCalls.Select(call => call.Error));
        Assert.InRange(trajectory.Timings.ToolMs, 190, 5_000);
    }

    [Fact]
    public async Task Results_over_the_budget_of_tokens_are_cut_then_left_out_then_not_fetched()
    {
        using TestPolicy policy = TestPolicy.Saying([Floods], Flood + "\n" + Flood, Flood, "over");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("over", "floods"), new RolloutLimits { MaxObservationTokens = 100 });

        Assert.EndsWith("é😀 ", trajectory.ToolCalls[0].Result);
        Assert.Equal(
            ["The budget of 100 observation tokens is spent; this result is left out.", "The budget of 100 observation tokens is spent; this call was not run."],
            trajectory.ToolCalls.Skip(1).Select(call => call.Result));
        Assert.Equal([20_000, 20_000, null], trajectory.ToolCalls.Select(call => call.ResultLength));
        Assert.Equal([null, null, trajectory.ToolCalls[2].Result], trajectory.ToolCalls.Select(call => call.Error));
        Assert.Equal((StopReason.EnvironmentDone, TrajectoryAudit.Consistent), (trajectory.StopReason, trajectory.Audit.Template));
    }

    [Fact]
    public async Task A_call_says_in_which_sandbox_it_ran()
    {
        using TestPolicy policy = TestPolicy.Saying([new SandboxedTool()], TestTool.Call("sandboxed", "1"), "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "sandboxed"));

        Assert.Equal("docker/abc", Assert.Single(trajectory.ToolCalls).Sandbox);
    }

    [Fact]
    public void Limits_hold_and_the_audit_passes_whatever_tools_say() =>
        Gen.Select(
            Gen.OneOf(Gen.Const("word "), Gen.Const("é"), Gen.Const("😀"), Gen.Const("<|im_end|>"), Gen.Const("\n")).Array[0, 300].Select(string.Concat).Array[1, 6],
            Gen.Int[64, 300], Gen.Int[64, 600], Gen.Int[1, 6], Gen.Enum<Truncation>()).Sample(
            async (results, perResult, inAll, calls, truncate) =>
            {
                int next = -1;
                TestTool says = new("says", (_, _) => Task.FromResult(results[Interlocked.Increment(ref next) % results.Length]));
                string turn = string.Join('\n', Enumerable.Repeat(TestTool.Call("says", "x"), 2));
                using TestPolicy policy = TestPolicy.Saying([says], turn, turn, turn, "over");

                Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("over", "says"), new RolloutLimits
                {
                    MaxToolCalls = calls,
                    MaxObservationTokens = inAll,
                    Results = new ResultLimits { MaxCharacters = 512, MaxTokens = perResult, Truncate = truncate },
                });

                Assert.Equal(6, trajectory.ToolCalls.Count);
                Assert.InRange(trajectory.ToolCalls.Sum(call => call.Attempts), 0, calls);
                int[] tokens = [.. trajectory.ToolCalls
                    .Where(call => call.Error is null && !call.Result!.EndsWith("this result is left out.", StringComparison.Ordinal))
                    .Select(call => TestPolicy.Format.EncodeContent(call.Result!).Ids.Length)];
                Assert.All(tokens, count => Assert.InRange(count, 0, perResult));
                Assert.InRange(tokens.Sum(), 0, inAll);
                Assert.True(trajectory.Audit.Passes);
                Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
                Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
            },
            iter: 100);

    private sealed class SandboxedTool : ITool
    {
        public ToolSpec Spec => new TestTool("sandboxed", (x, _) => Task.FromResult(x)).Spec;

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            invocation.Sandbox = "docker/abc";
            return Task.FromResult("6");
        }
    }
}
