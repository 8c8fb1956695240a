using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.Drift;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed class TrajectoryRunnerTests
{
    [Fact]
    public async Task An_environment_that_cannot_be_created_is_a_failed_trajectory()
    {
        EnvironmentDefinition broken = TestEnvironment.Define(_ => throw new RolloutTaskException("Task 't' lacks its question."));
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(broken);

        Assert.Equal(new RolloutFailure(FailureBoundary.Environment, "Task 't' lacks its question."), trajectory.Failure);
        Assert.Equal((StopReason.Failure, TrajectoryStatus.Failed, (double?)null), (trajectory.StopReason, trajectory.Status, trajectory.Reward));
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task An_environment_that_throws_keeps_what_was_sampled()
    {
        EnvironmentDefinition broken = TestEnvironment.Define((_, _) => throw new InvalidOperationException("No verdict."));
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(broken);

        Assert.Equal(new RolloutFailure(FailureBoundary.Environment, "No verdict."), trajectory.Failure);
        Assert.Equal(2, trajectory.SampledTokens);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task Tools_that_come_and_go_in_the_middle_are_neither_given_to_a_trajectory_nor_taken_from_it()
    {
        TestPolicy? policy = null;
        TestTool changes = new("changes", (x, _) =>
        {
            policy!.Tools.Remove("server 's'");
            policy.Tools.Set("server 'new'", [new TestTool("late", (text, _) => Task.FromResult(text))]);
            return Task.FromResult(x);
        });
        policy = TestPolicy.Saying(
            [changes], TestTool.Call("changes", "1"), TestTool.Call("echo", "2"), TestTool.Call("late", "3"), "6");
        using TestPolicy owned = policy;
        policy.Tools.Set("server 's'", [TestTool.Echo]);

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "changes", "echo"));

        Assert.Equal(["1", "2", "Tool 'late' is unknown; known tools: changes, echo."], trajectory.ToolCalls.Select(call => call.Result));
        Assert.Equal(["changes", "late"], policy.Tools.Current.All.Select(tool => tool.Tool.Spec.Name));
    }

    [Fact]
    public async Task A_tool_that_is_gone_before_the_start_is_a_failed_trajectory()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo", "shell"));

        Assert.Equal(new RolloutFailure(FailureBoundary.Tool, "Tool 'shell' is unknown; known tools: echo."), trajectory.Failure);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public async Task A_reward_that_is_no_finite_number_is_the_environments_failure(double reward)
    {
        EnvironmentDefinition broken = TestEnvironment.Define((_, _) => ValueTask.FromResult(StepResult.End("score", reward)));
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(broken);

        Assert.Equal(FailureBoundary.Environment, trajectory.Failure!.Boundary);
        Assert.Contains("'score'", trajectory.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_that_fails_in_the_middle_keeps_the_tokens_before()
    {
        ScriptedAnswer dies = new ScriptedAnswer(10, 11, 12) { Failure = new EngineException("The device is gone.") };
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(dies));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"));

        Assert.Equal(new RolloutFailure(FailureBoundary.Engine, "The device is gone."), trajectory.Failure);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task The_deadline_ends_a_slow_engine_and_keeps_the_prefix()
    {
        ScriptedAnswer slow = TestPolicy.Say(new string('a', 500)) with { Delay = TimeSpan.FromMilliseconds(20) };
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(slow));

        Trajectory trajectory = await policy.PlayAsync(
            TestEnvironment.Expecting("6"), new RolloutLimits { Deadline = TimeSpan.FromSeconds(1) });

        Assert.Equal((StopReason.Deadline, TrajectoryStatus.Truncated, 0.0), (trajectory.StopReason, trajectory.Status, trajectory.Reward));
        Assert.InRange(trajectory.SampledTokens, 1, 499);
        Assert.InRange(trajectory.Timings.DecodeMs, 1, trajectory.Timings.TotalMs);
        Assert.Null(trajectory.Sequences[0].Segments[^1].FinishReason);
        Assert.True(trajectory.Audit.Passes);
        Assert.Equal(0, policy.Engine.Running);
    }

    [Fact]
    public async Task The_deadline_ends_an_environment_that_ignores_its_token()
    {
        EnvironmentDefinition stuck = TestEnvironment.Define(async (_, _) =>
        {
            await new TaskCompletionSource().Task;
            return StepResult.End("never", 1);
        });
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(stuck, new RolloutLimits { Deadline = TimeSpan.FromMilliseconds(100) });

        Assert.Equal(StopReason.Deadline, trajectory.StopReason);
    }

    [Fact]
    public async Task Aborting_seals_the_partial_trajectory_with_its_unanswered_call()
    {
        using CancellationTokenSource abort = new();
        TestTool hangs = new("hangs", async (_, cancellationToken) =>
        {
            await abort.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "never";
        });
        using TestPolicy policy = TestPolicy.Saying([hangs], TestTool.Call("hangs", "1"));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "hangs"), abort: abort.Token);

        Assert.Equal((StopReason.Cancelled, TrajectoryStatus.Aborted, (double?)null), (trajectory.StopReason, trajectory.Status, trajectory.Reward));
        TrajectoryToolCall call = Assert.Single(trajectory.ToolCalls);
        Assert.Null(call.Result);
        Assert.NotNull(call.Error);
        Assert.Equal(SegmentSource.Sampled, trajectory.Sequences[0].Segments[^1].Source);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task Cancelling_throws_and_seals_nothing()
    {
        using CancellationTokenSource stop = new(TimeSpan.FromMilliseconds(100));
        ScriptedAnswer slow = TestPolicy.Say(new string('a', 500)) with { Delay = TimeSpan.FromMilliseconds(20) };
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(slow));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => policy.PlayAsync(TestEnvironment.Expecting("6"), cancellationToken: stop.Token));
    }

    [Fact]
    public async Task The_environment_is_disposed_however_the_episode_ends()
    {
        List<TestEnvironment> made = [];
        EnvironmentDefinition Counting(Func<AssistantTurn, CancellationToken, ValueTask<StepResult>> step) => TestEnvironment.Define(_ =>
        {
            made.Add(new TestEnvironment(step));
            return made[^1];
        });
        using TestPolicy policy = TestPolicy.Saying([], "6", "6", "6");

        await policy.PlayAsync(Counting((_, _) => ValueTask.FromResult(StepResult.End("x", 1))));
        await policy.PlayAsync(Counting((_, _) => throw new InvalidOperationException("no")));
        using CancellationTokenSource stop = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => policy.PlayAsync(
            Counting(async (_, cancellationToken) =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellationToken);
                return StepResult.End("never", 1);
            }),
            cancellationToken: stop.Token));

        Assert.Equal(3, made.Count);
        Assert.All(made, environment => Assert.True(environment.Disposed));
    }

    [Fact]
    public async Task Messages_that_the_template_refuses_are_a_failure_of_rendering()
    {
        EnvironmentDefinition critic = TestEnvironment.Define((_, _) => ValueTask.FromResult(
            StepResult.Continue(new ChatMessage { Role = "critic", Content = "No." })));
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(critic);

        Assert.Equal(FailureBoundary.Rendering, trajectory.Failure!.Boundary);
        Assert.Contains("critic", trajectory.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, trajectory.SampledTokens);
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
    }

    [Fact]
    public async Task A_template_that_refuses_the_conversation_afterwards_is_reported_by_the_audit()
    {
        ChatTemplate tiny = TestPolicy.Format.Template;
        ChatTemplate oneCallOnly = ChatTemplate.Parse(
            "{%- for m in messages if m.tool_calls and m.tool_calls | length > 1 %}{{ raise_exception('One call only.') }}{%- endfor %}" + tiny.Source, "strict");
        string two = TestTool.Call("echo", "1") + "\n" + TestTool.Call("echo", "2");
        using TestPolicy policy = TestPolicy.Answering(
            [TestTool.Echo], ScriptedEngine.InOrder(TestPolicy.Say(two), TestPolicy.Say("6")), ChatFormat.Create(TestPolicy.Format.Tokenizer, oneCallOnly));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        Assert.Equal(StopReason.EnvironmentDone, trajectory.StopReason);
        Assert.Equal("not_renderable", trajectory.Audit.Template);
        Assert.Contains("One call only.", trajectory.Audit.FirstDifference!.Template, StringComparison.Ordinal);
        Assert.Equal(DriftCause.TemplateRefused, trajectory.Audit.FirstDifference.Cause);
        string json = TrajectoryJson.Serialize(trajectory);
        const string Cause = ",\"cause\":\"template_refused\"";
        Assert.Contains(Cause, json, StringComparison.Ordinal);
        Trajectory earlier = TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(json.Replace(Cause, "", StringComparison.Ordinal)));
        Assert.Null(earlier.Audit.FirstDifference!.Cause);
        Assert.True(trajectory.Audit.Passes);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task Sampling_logprobs_are_kept_where_the_distribution_was_changed()
    {
        using TestPolicy policy = TestPolicy.Saying([], "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"), sampling: new SamplingParams(Temperature: 0.5f));

        TrajectorySequence sequence = trajectory.Sequences[0];
        Assert.NotNull(sequence.SamplingLogprobs);
        Assert.Equal(sequence.LossMask.Select(mask => mask == 1), sequence.SamplingLogprobs.Select(logprob => logprob.HasValue));
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }
}
