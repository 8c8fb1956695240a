using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class TrajectoryTurnTests
{
    [Fact]
    public async Task Every_turn_has_its_messages_calls_and_tokens()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("echo", "a"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        IReadOnlyList<TrajectoryTurn> turns = TrajectoryTurn.Read(trajectory);

        Assert.Equal([0, 1, 2], turns.Select(turn => turn.Turn));
        Assert.Equal(["user", "assistant+tool", "assistant"], turns.Select(turn => string.Join('+', turn.Messages.Select(message => message.Role))));
        Assert.Equal("c1", Assert.Single(turns[1].ToolCalls).Id);
        Assert.Equal(trajectory.Sequences[0].TokenIds.Length, turns.Sum(turn => turn.PromptTokens + turn.SampledTokens + turn.AnswerTokens));
        Assert.Equal((null, "stop"), (turns[0].FinishReason, turns[2].FinishReason));
        Assert.NotNull(turns[1].MeanLogprob);
        Assert.Equal(2, Assert.Single(TrajectoryTurn.Read(trajectory, fromTurn: 2)).Turn);
    }

    [Fact]
    public async Task A_turn_that_was_cut_has_no_message()
    {
        using TestPolicy policy = TestPolicy.Answering([TestTool.Echo], AgentRollout.Testing.ScriptedEngine.InOrder(
            [TestPolicy.Say(TestTool.Call("echo", "a")), TestPolicy.Say(new string('o', 200)) with { Delay = TimeSpan.FromMilliseconds(20) }]));
        using CancellationTokenSource abort = new();
        AbortAt progress = new(abort, turn: 2);
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"), progress: progress, abort: abort.Token);
        Assert.Equal(StopReason.Cancelled, trajectory.StopReason);

        IReadOnlyList<TrajectoryTurn> turns = TrajectoryTurn.Read(trajectory);

        Assert.Equal(["user", "assistant+tool", ""], turns.Select(turn => string.Join('+', turn.Messages.Select(message => message.Role))));
        Assert.True(turns[2] is { SampledTokens: > 0, FinishReason: null });
    }

    private sealed class AbortAt(CancellationTokenSource abort, int turn) : IProgress<RolloutEvent>
    {
        public void Report(RolloutEvent value)
        {
            if (value is TokensSampled sampled && sampled.Turn == turn)
                abort.Cancel();
        }
    }
}
