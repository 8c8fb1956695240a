using AgentRollout.Environments.Rewards;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Rewards;

public sealed class TokenF1RewardTests
{
    private static readonly TokenF1Reward Reward = new();

    private static readonly string[] Vocabulary = ["red", "fox", "Owl", "the", "7"];

    // Shared words over the mean length of both: two of three and two words give 2·2 / (3 + 2).
    [Theory]
    [InlineData("red fox", "the red fox", 1.0)]
    [InlineData("big red fox", "Red, fox!", 0.8)]
    [InlineData("fox fox fox", "fox", 0.5)]
    [InlineData("owl", "fox", 0.0)]
    [InlineData("", "fox", 0.0)]
    [InlineData("fox", "", 0.0)]
    [InlineData("the", "a an", 1.0)]
    public void Words_are_counted_as_SQuAD_does(string answer, string groundTruth, double expected) =>
        Assert.Equal(expected, Reward.Score(answer, groundTruth), 1e-12);

    [Fact]
    public void The_score_is_symmetric_and_between_zero_and_one() =>
        Gen.Select(Words, Words).Sample((one, other) =>
        {
            double score = Reward.Score(one, other);
            Assert.InRange(score, 0, 1);
            Assert.Equal(score, Reward.Score(other, one), 1e-12);
            Assert.Equal(1, Reward.Score(one, one));
        });

    private static Gen<string> Words => Gen.Int[0, 4].Select(i => Vocabulary[i]).Array[0, 6].Select(words => string.Join(' ', words));
}
