using AgentRollout.Environments.Rewards;
using Xunit;

namespace AgentRollout.Environments.Tests.Rewards;

public sealed class GroupAdvantagesTests
{
    [Theory]
    [InlineData(AdvantageKind.Grpo, new[] { 1.4999955, -0.4999985, -0.4999985, -0.4999985 })]
    [InlineData(AdvantageKind.DrGrpo, new[] { 0.75, -0.25, -0.25, -0.25 })]
    [InlineData(AdvantageKind.Rloo, new[] { 1, -1 / 3.0, -1 / 3.0, -1 / 3.0 })]
    public void One_success_in_four_is_worth_what_the_papers_say(AdvantageKind kind, double[] expected)
    {
        double[] advantages = GroupAdvantages.Compute(kind, [1, 0, 0, 0]);
        Assert.Equal(expected.Length, advantages.Length);
        Assert.All(expected.Zip(advantages), pair => Assert.Equal(pair.First, pair.Second, tolerance: 5e-6));
    }

    [Theory]
    [InlineData(AdvantageKind.Grpo)]
    [InlineData(AdvantageKind.DrGrpo)]
    [InlineData(AdvantageKind.Rloo)]
    public void Advantages_of_a_group_add_up_to_nothing_and_a_shift_of_all_rewards_changes_none(AdvantageKind kind)
    {
        Random random = new(4);
        for (int round = 0; round < 100; round++)
        {
            double[] rewards = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.NextDouble())];
            double[] advantages = GroupAdvantages.Compute(kind, rewards);
            Assert.Equal(0, advantages.Sum(), tolerance: 1e-9);
            double[] shifted = GroupAdvantages.Compute(kind, [.. rewards.Select(reward => reward + 3)]);
            Assert.All(advantages.Zip(shifted), pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-6));
        }
    }

    [Fact]
    public void A_group_of_one_or_of_equals_has_no_advantage()
    {
        Assert.Equal([0], GroupAdvantages.Compute(AdvantageKind.Rloo, [5]));
        Assert.Equal([0, 0], GroupAdvantages.Compute(AdvantageKind.Grpo, [5, 5]));
    }
}
