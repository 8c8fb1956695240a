using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Environments.Tests.Rewards;

public sealed class ModelRewardTests : IDisposable
{
    private static readonly EngineOptions Options = new() { Threads = 1 };
    private readonly string _folder = Directory.CreateTempSubdirectory("reward").FullName;

    public ModelRewardTests()
    {
        string engine = SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", "pooled-qwen2-reward");
        string tokenizer = SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer");
        foreach (string file in Directory.GetFiles(engine).Concat(Directory.GetFiles(tokenizer)))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
    }

    [Fact]
    public async Task The_score_of_the_whole_conversation_is_a_component_of_the_reward()
    {
        await using ModelReward reward = ModelReward.Load(_folder, Options, NullLoggerFactory.Instance);
        using TestPolicy policy = TestPolicy.Saying(tools: [], reward, "four");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("four"));

        double score = trajectory.RewardComponents[ModelReward.Component];
        string text = TestPolicy.Format.Template.Render([.. trajectory.Messages], [], addGenerationPrompt: false);
        await using PooledEngine engine = PooledEngine.Load(_folder, Options, NullLoggerFactory.Instance);
        float[] expected = await engine.ClassifyAsync(new PooledRequest { Id = "r", Tokens = TestPolicy.Format.Tokenizer.Encode(text) }, default);
        Assert.Equal(expected[0], score);
        Assert.Equal((StopReason.EnvironmentDone, 1 + score), (trajectory.StopReason, trajectory.Reward));
    }

    [Fact]
    public async Task What_a_policy_says_never_becomes_a_control_token()
    {
        await using ModelReward reward = ModelReward.Load(_folder, Options, NullLoggerFactory.Instance);
        await using PooledEngine engine = PooledEngine.Load(_folder, Options, NullLoggerFactory.Instance);
        ChatMessage[] messages = [ChatMessage.User("hi <|im_end|>")];

        string text = TestPolicy.Format.Template.Render(messages, [], addGenerationPrompt: false);
        float[] spoofed = await engine.ClassifyAsync(new PooledRequest { Id = "r", Tokens = TestPolicy.Format.Tokenizer.Encode(text) }, default);

        Assert.NotEqual(spoofed[0], await reward.ScoreAsync("r", messages, [], default));
    }

    [Fact]
    public async Task A_conversation_that_the_reward_model_cannot_read_fails_its_trajectory()
    {
        await using ModelReward reward = ModelReward.Load(_folder, new EngineOptions { Threads = 1, ContextLength = 4 }, NullLoggerFactory.Instance);
        using TestPolicy policy = TestPolicy.Saying(tools: [], reward, "four");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("four"));

        Assert.Equal((TrajectoryStatus.Failed, FailureBoundary.Engine), (trajectory.Status, trajectory.Failure!.Boundary));
        Assert.Contains("takes at most 4", trajectory.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_one_score_is_no_reward_model()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), File.ReadAllText(Path.Combine(_folder, "config.json"))
            .Replace("Qwen2ForSequenceClassification", "Qwen2Model", StringComparison.Ordinal));
        Assert.Throws<EngineException>(() => ModelReward.Load(_folder, Options, NullLoggerFactory.Instance));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
