using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class RescorerTests
{
    [Fact]
    public async Task The_same_environment_gives_the_same_rewards()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("echo", "a"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));

        RescoreResult result = await RescoreAsync(policy, TestEnvironment.Expecting("6", "echo"), trajectory);

        Assert.Equal((RescoreOutcome.Same, 1.0), (result.Outcome, result.Reward));
        Assert.Equal(trajectory.Digest, result.ApplyTo(trajectory).Digest);
    }

    [Fact]
    public async Task A_changed_reward_stands_beside_the_old_one_and_gives_a_sound_trajectory()
    {
        using TestPolicy policy = TestPolicy.Saying([], "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6"));

        RescoreResult result = await RescoreAsync(policy, TestEnvironment.Define((_, _) => new(StepResult.End(
            new Dictionary<string, double> { ["exact_match"] = 1, ["style"] = 0.25 }))), trajectory);

        Assert.Equal((RescoreOutcome.Differs, 1.0, 1.25), (result.Outcome, result.RecordedReward, result.Reward));
        Assert.Equal("Other now: style.", result.Detail);
        Trajectory rescored = result.ApplyTo(trajectory);
        Assert.Equal(1.25, rescored.Reward);
        Assert.Null(TrajectoryAuditor.FindProblem(rescored));
    }

    [Fact]
    public async Task Every_turn_that_asked_the_environment_is_told_to_it_again()
    {
        EnvironmentDefinition guessing = TestEnvironment.Define((turn, _) => new(turn.Message.Content == "6"
            ? StepResult.End("guesses", turn.Number)
            : StepResult.Continue(ChatMessage.User("Wrong."))), "echo");
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], "5", TestTool.Call("echo", "a"), "<tool_call>nonsense</tool_call>", "7", "6");
        Trajectory trajectory = await policy.PlayAsync(guessing);
        Assert.Equal(5, trajectory.Reward);

        RescoreResult result = await RescoreAsync(policy, guessing, trajectory);
        RescoreResult other = await RescoreAsync(policy, TestEnvironment.Define((turn, _) => new(StepResult.Continue(ChatMessage.User("No.")))), trajectory);
        RescoreResult early = await RescoreAsync(policy, TestEnvironment.Expecting("5"), trajectory);

        Assert.Equal((RescoreOutcome.Same, 5.0), (result.Outcome, result.Reward));
        Assert.Equal((RescoreOutcome.Failed, "The environment says something else now where message 2 stands."), (other.Outcome, other.Detail));
        Assert.Equal((RescoreOutcome.Failed, null), (early.Outcome, early.Components));
        Assert.Same(trajectory, early.ApplyTo(trajectory));
    }

    [Fact]
    public async Task What_a_limit_ended_is_not_scored_and_an_unknown_environment_is_named()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("echo", "a"), "6");
        Trajectory cut = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"), new RolloutLimits { MaxTurns = 1 });
        Trajectory foreign = cut with { Status = TrajectoryStatus.Completed, Task = cut.Task with { Environment = "nope" } };

        RescoreResult ofCut = await RescoreAsync(policy, TestEnvironment.Expecting("6", "echo"), cut);
        RescoreResult ofForeign = await RescoreAsync(policy, TestEnvironment.Expecting("6", "echo"), foreign);

        Assert.Equal(RescoreOutcome.NotScored, ofCut.Outcome);
        Assert.Equal(RescoreOutcome.Failed, ofForeign.Outcome);
        Assert.Contains("known environments: test", ofForeign.Detail, StringComparison.Ordinal);
    }

    private static Task<RescoreResult> RescoreAsync(TestPolicy policy, EnvironmentDefinition environment, Trajectory trajectory) =>
        new Rescorer(new EnvironmentCatalog([environment], policy.Tools)).RescoreAsync(trajectory, TestContext.Current.CancellationToken);
}
