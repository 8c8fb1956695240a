using System.Globalization;
using AgentRollout.Environments.Rewards;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Rewards;

public sealed class ExactMatchRewardTests
{
    private static readonly ExactMatchReward Reward = new();

    [Theory]
    [InlineData("9396", "9396")]
    [InlineData(" 9,396. ", "9396")]
    [InlineData("9396.00", "9396")]
    [InlineData("+12.50", "12.5")]
    [InlineData("-0047", "-47")]
    [InlineData("the  RED\nfox.", "The red fox")]
    [InlineData("", "")]
    public void Spelling_does_not_count(string answer, string groundTruth) => Assert.Equal(1, Reward.Score(answer, groundTruth));

    [Theory]
    [InlineData("-47", "47")]
    [InlineData("9,39", "939")]
    [InlineData("1,2,3", "123")]
    [InlineData("12.5", "125")]
    [InlineData("Tarin or Tarsk", "Tarin")]
    [InlineData("", "Tarin")]
    [InlineData("1e3", "1000")]
    public void Anything_else_does(string answer, string groundTruth) => Assert.Equal(0, Reward.Score(answer, groundTruth));

    [Fact]
    public void Numbers_beyond_decimal_are_compared_as_text()
    {
        string large = new('9', 60);
        Assert.Equal(1, Reward.Score(large, large));
        Assert.Equal(0, Reward.Score(large, large + "0"));
    }

    [Fact]
    public void A_foreign_culture_changes_nothing()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("de-DE");
            Assert.Equal(1, Reward.Score("1,250.5", "1250.50"));
            Assert.Equal(0, Reward.Score("1.250,5", "1250.5"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void The_score_is_symmetric_and_full_for_equal_texts() =>
        Gen.Select(Gen.String, Gen.String).Sample((one, other) =>
        {
            Assert.Equal(1, Reward.Score(one, one));
            Assert.Equal(Reward.Score(one, other), Reward.Score(other, one));
        });
}
