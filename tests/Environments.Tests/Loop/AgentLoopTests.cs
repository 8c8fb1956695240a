using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed class AgentLoopTests
{
    private static readonly string EchoSix = TestTool.Call("echo", "6");

    [Fact]
    public async Task A_tool_episode_is_prompt_sampled_scaffold_observation_scaffold_sampled()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], EchoSix, "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        Assert.Equal(StopReason.EnvironmentDone, trajectory.StopReason);
        Assert.Equal(1, trajectory.Reward);
        TrajectorySequence sequence = Assert.Single(trajectory.Sequences);
        Assert.Equal(
            [
                (SegmentSource.Prompt, 0),
                (SegmentSource.Sampled, 1),
                (SegmentSource.Scaffold, 1),
                (SegmentSource.Observation, 1),
                (SegmentSource.Scaffold, 1),
                (SegmentSource.Sampled, 2),
            ],
            sequence.Segments.Select(segment => (segment.Source, segment.Turn)));
        Assert.Equal(["c1"], sequence.Segments[3].CallIds!);
        Assert.Equal("stop", sequence.Segments[5].FinishReason);
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
        Assert.True(trajectory.Audit.Passes);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        Assert.Equal(["user", "assistant", "tool", "assistant"], trajectory.Messages.Select(message => message.Role));
    }

    [Fact]
    public async Task A_trajectory_tells_where_a_turn_went_on_at_another_engine()
    {
        ScriptedAnswer call = TestPolicy.Say(EchoSix), end = TestPolicy.Say("6");
        int seam = call.Tokens.Count / 2;
        using TestPolicy policy = TestPolicy.Answering([TestTool.Echo], ScriptedEngine.InOrder(
            call with { Engines = [.. call.Tokens.Select((_, i) => i < seam ? "a" : "b")] },
            end with { Engines = [.. end.Tokens.Select(_ => "a")] }));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        int start = trajectory.Sequences[0].Segments[0].End;
        // Turns may be of different engines; that is no seam.
        Assert.Equal(new EngineMove(0, start + seam, "a", "b"), Assert.Single(trajectory.EngineMoves!));
        Assert.True(trajectory.Audit.Passes);
        Assert.Equal(trajectory.EngineMoves, TrajectoryJson.Deserialize(TrajectoryJson.SerializeToUtf8(trajectory)).EngineMoves);
    }

    [Fact]
    public async Task A_turn_that_the_engine_ends_at_the_deadline_ends_the_trajectory_with_its_tokens()
    {
        ScriptedAnswer late = TestPolicy.Cut("abc") with { Finish = FinishReason.Deadline };
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(late));
        TimeSpan limit = TimeSpan.FromMinutes(5);
        DateTimeOffset before = DateTimeOffset.UtcNow;

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"), new RolloutLimits { Deadline = limit });

        Assert.Equal((StopReason.Deadline, TrajectoryStatus.Truncated, 0.0), (trajectory.StopReason, trajectory.Status, trajectory.Reward));
        Assert.Equal(late.Tokens.Count, trajectory.SampledTokens);
        Assert.Null(trajectory.Sequences[0].Segments[^1].FinishReason);
        Assert.Equal(["user"], trajectory.Messages.Select(message => message.Role));
        Assert.True(trajectory.Audit.Passes);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        Assert.InRange(policy.Engine.Requests.Single().Deadline!.Value, before + limit, DateTimeOffset.UtcNow + limit);
    }

    [Fact]
    public async Task The_engine_sees_exactly_the_tokens_of_the_sequence_up_to_each_turn()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], EchoSix, EchoSix, "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        TrajectorySequence sequence = trajectory.Sequences[0];
        TokenSegment[] sampled = [.. sequence.Segments.Where(segment => segment.Source == SegmentSource.Sampled)];
        Assert.Equal(3, sampled.Length);
        foreach ((GenerationRequest request, TokenSegment segment) in policy.Engine.Requests.Zip(sampled))
            Assert.Equal(sequence.TokenIds[..segment.Start], request.Tokens.ToArray());
    }

    [Fact]
    public async Task A_call_carries_the_span_of_its_tokens_and_its_result()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], "Let me see.\n" + EchoSix, "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        TrajectoryToolCall call = Assert.Single(trajectory.ToolCalls);
        string text = TestPolicy.Format.Tokenizer.Decode(trajectory.Sequences[0].TokenIds.AsSpan(call.TokenSpan[0]..call.TokenSpan[1]));
        Assert.Equal(EchoSix, text);
        Assert.Equal(("c1", "echo", ToolCallStatus.Ok, "6", null), (call.Id, call.Name, call.Parse, call.Result, call.Error));
        Assert.Equal(1, call.Attempts);
    }

    [Fact]
    public async Task Parallel_calls_run_at_once_and_answer_in_their_order()
    {
        TaskCompletionSource<string> first = new();
        TestTool waits = new("waits", (_, _) => first.Task);
        TestTool releases = new("releases", (x, _) =>
        {
            first.SetResult("released");
            return Task.FromResult(x);
        });
        using TestPolicy policy = TestPolicy.Saying(
            [waits, releases], TestTool.Call("waits", "a") + "\n" + TestTool.Call("releases", "b"), "done");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("done", "waits", "releases"));

        Assert.Equal(["released", "b"], trajectory.ToolCalls.Select(call => call.Result));
        Assert.Equal(["c1", "c2"], trajectory.Messages.Where(message => message.Role == "tool").Select(message => message.ToolCallId));
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
    }

    [Theory]
    [InlineData("<tool_call>\n{\"name\": \"echo\", \"arguments\": {\"x\": \"6\"}\n</tool_call>")]
    [InlineData("<tool_call>\nnothing\n</tool_call>")]
    [InlineData("<tool_call>\n{\"name\": \"echo\", \"arguments\": 6}\n</tool_call>")]
    public async Task A_malformed_call_is_data_and_is_corrected_once(string malformed)
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], malformed, EchoSix, "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        Assert.Equal(StopReason.EnvironmentDone, trajectory.StopReason);
        Assert.Equal([ToolCallStatus.Malformed, ToolCallStatus.Ok], trajectory.ToolCalls.Select(call => call.Parse));
        Assert.NotNull(trajectory.ToolCalls[0].Error);
        Assert.Null(trajectory.ToolCalls[0].Result);
        Assert.Equal(["user", "assistant", "user", "assistant", "tool", "assistant"], trajectory.Messages.Select(message => message.Role));
        Assert.Equal(malformed, trajectory.Messages[1].Content);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task Malformed_calls_beyond_the_retries_end_as_a_parse_failure()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], "<tool_call>\n{}\n</tool_call>", "<tool_call>\n[]\n</tool_call>");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        Assert.Equal((StopReason.ParseFailure, TrajectoryStatus.Truncated, 0.0), (trajectory.StopReason, trajectory.Status, trajectory.Reward));
        Assert.Equal(2, trajectory.ToolCalls.Count);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task One_malformed_call_keeps_the_other_calls_of_its_turn_from_running()
    {
        int runs = 0;
        TestTool counts = new("counts", (x, _) => Task.FromResult($"{++runs}{x}"));
        using TestPolicy policy = TestPolicy.Saying([counts], TestTool.Call("counts", "a") + "\n<tool_call>\nno\n</tool_call>", "over");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("over", "counts"));

        Assert.Equal(0, runs);
        Assert.All(trajectory.ToolCalls, call => Assert.NotNull(call.Error));
    }

    [Fact]
    public async Task An_unknown_tool_is_answered_with_the_known_ones_and_the_episode_goes_on()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("eccho", "6"), "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        TrajectoryToolCall call = Assert.Single(trajectory.ToolCalls);
        Assert.Equal(ToolCallStatus.UnknownTool, call.Parse);
        Assert.Equal("Tool 'eccho' is unknown; known tools: echo.", call.Result);
        Assert.Equal(1, trajectory.Reward);
    }

    [Fact]
    public async Task Arguments_that_do_not_fit_are_answered_and_the_episode_goes_on()
    {
        using TestPolicy policy = TestPolicy.Saying(
            [TestTool.Echo], "<tool_call>\n{\"name\": \"echo\", \"arguments\": {\"y\": 6}}\n</tool_call>", "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        Assert.Equal(ToolCallStatus.InvalidArguments, Assert.Single(trajectory.ToolCalls).Parse);
        Assert.Equal(1, trajectory.Reward);
    }

    [Fact]
    public async Task A_tool_that_throws_or_hangs_is_data()
    {
        TestTool throws = new("throws", (_, _) => throw new InvalidOperationException("The disk is full."));
        TestTool hangs = new("hangs", async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "never";
        });
        using TestPolicy policy = TestPolicy.Saying([throws, hangs], TestTool.Call("throws", "1") + "\n" + TestTool.Call("hangs", "2"), "so be it");

        Trajectory trajectory = await policy.PlayAsync(
            TestEnvironment.Expecting("so be it", "throws", "hangs"), new RolloutLimits { ToolTimeout = TimeSpan.FromSeconds(1) });

        Assert.Equal(StopReason.EnvironmentDone, trajectory.StopReason);
        Assert.Contains("The disk is full.", trajectory.ToolCalls[0].Error, StringComparison.Ordinal);
        Assert.NotNull(trajectory.ToolCalls[1].Error);
        Assert.Equal(1, trajectory.Reward);
    }

    [Fact]
    public async Task Ten_megabytes_of_tool_output_end_nothing_but_their_own_text()
    {
        TestTool floods = new("floods", (_, _) => Task.FromResult(new string('x', 10_000_000)));
        using TestPolicy policy = TestPolicy.Saying([floods], TestTool.Call("floods", "1"), "6");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "floods"));

        Assert.InRange(trajectory.ToolCalls[0].Result!.Length, 1, 20_000);
        Assert.Equal(StopReason.MaxTokens, trajectory.StopReason);
        Assert.Equal("assistant", trajectory.Messages[^1].Role);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task An_environment_may_answer_with_messages_and_go_on()
    {
        EnvironmentDefinition twice = TestEnvironment.Define((turn, _) => ValueTask.FromResult(turn.Number == 1
            ? StepResult.Continue(Tokenization.Chat.ChatMessage.User("Are you sure?"))
            : StepResult.End("exact_match", 1)));
        using TestPolicy policy = TestPolicy.Saying([], "6", "Yes.");

        Trajectory trajectory = await policy.PlayAsync(twice);

        Assert.Equal(["user", "assistant", "user", "assistant"], trajectory.Messages.Select(message => message.Role));
        Assert.Equal(2, trajectory.Turns);
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
    }

    [Fact]
    public async Task The_turn_limit_ends_an_episode_that_only_calls_tools()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], Enumerable.Repeat(EchoSix, 3));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"), new RolloutLimits { MaxTurns = 3 });

        Assert.Equal((StopReason.MaxTurns, 3, 3), (trajectory.StopReason, trajectory.Turns, trajectory.ToolCalls.Count));
        Assert.Equal(0, trajectory.Reward);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task A_turn_cut_by_its_own_limit_goes_on_and_is_closed_by_scaffold()
    {
        EnvironmentDefinition twice = TestEnvironment.Define((turn, _) => ValueTask.FromResult(turn.Number == 1
            ? StepResult.Continue(Tokenization.Chat.ChatMessage.User("Go on."))
            : StepResult.End("exact_match", 1)));
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(TestPolicy.Cut("a long story"), TestPolicy.Say("b")));

        Trajectory trajectory = await policy.PlayAsync(twice, new RolloutLimits { MaxTokensPerTurn = 5 });

        TrajectorySequence sequence = trajectory.Sequences[0];
        TokenSegment cut = sequence.Segments[1];
        Assert.Equal((SegmentSource.Sampled, "length", 5), (cut.Source, cut.FinishReason, cut.End - cut.Start));
        Assert.Equal(TestPolicy.Format.EndOfTurnId, sequence.TokenIds[cut.End]);
        Assert.Equal(0, sequence.LossMask[cut.End]);
        Assert.Equal(SegmentSource.Scaffold, sequence.Segments[2].Source);
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
    }

    [Fact]
    public async Task A_full_sequence_ends_as_max_tokens_with_no_invented_end_of_turn()
    {
        int prompt = TestPolicy.Format.RenderPrompt([Tokenization.Chat.ChatMessage.User("What is 2*3?")], []).Length;
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(TestPolicy.Cut("a very long story")));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"), new RolloutLimits { MaxTokens = prompt + 4 });

        TrajectorySequence sequence = trajectory.Sequences[0];
        Assert.Equal(StopReason.MaxTokens, trajectory.StopReason);
        Assert.Equal(prompt + 4, sequence.TokenIds.Length);
        Assert.Equal([SegmentSource.Prompt, SegmentSource.Sampled], sequence.Segments.Select(segment => segment.Source));
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
    }

    [Fact]
    public async Task A_prompt_that_does_not_fit_the_context_is_a_truncated_trajectory_and_never_reaches_the_engine()
    {
        EngineModel small = new("small", VocabularySize: 1000, ContextLength: 8, StopTokenIds: [], WeightVersion: 0);
        ScriptedEngine engine = new(_ => new ScriptedAnswer(1), small);
        using TestPolicy policy = TestPolicy.Answering([], engine);

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"));

        Assert.Equal((StopReason.MaxTokens, 0, 0.0), (trajectory.StopReason, trajectory.Turns, trajectory.Reward));
        Assert.Empty(engine.Requests);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task Weight_versions_that_change_within_a_turn_split_its_segment()
    {
        ScriptedEngine engine = null!;
        engine = new ScriptedEngine(_ => TestPolicy.Say("123456") with { ChunkSize = 3 });
        using TestPolicy policy = TestPolicy.Answering([], engine);
        TokenProgress raise = new(_ => engine.Model = engine.Model with { WeightVersion = engine.Model.WeightVersion + 1 });

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("123456"), progress: raise);

        TokenSegment[] sampled = [.. trajectory.Sequences[0].Segments.Where(segment => segment.Source == SegmentSource.Sampled)];
        Assert.True(sampled.Length > 1);
        Assert.Equal(sampled.Select(segment => segment.WeightVersion).Distinct().Count(), sampled.Length);
        Assert.True(trajectory.Audit.Passes);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }

    [Fact]
    public async Task A_sampled_id_that_the_tokenizer_has_no_token_for_is_kept_and_read_as_a_replacement_character()
    {
        const int beyond = 999;
        ScriptedAnswer answer = new('6', beyond, TestPolicy.Format.EndOfTurnId);
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(answer));

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6\uFFFD"), progress: new TokenProgress(_ => { }));

        Assert.Contains(beyond, trajectory.Sequences[0].TokenIds);
        Assert.Equal((StopReason.EnvironmentDone, 1.0), (trajectory.StopReason, trajectory.Reward));
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
    }
}
