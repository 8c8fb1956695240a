using System.Globalization;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class GroupTests(PageFixture fixture)
{
    /// <summary>A group whose samples differ.</summary>
    private Trajectory[] Group => fixture.Arithmetic.Concat(fixture.Lookup).GroupBy(trajectory => trajectory.GroupId)
        .Select(group => group.OrderBy(sample => sample.SampleIndex).ToArray())
        .First(group => group.Any(sample => !sample.Sequences[0].TokenIds.SequenceEqual(group[0].Sequences[0].TokenIds)));

    [Fact]
    public async Task Samples_stand_side_by_side_with_their_rewards_and_advantages()
    {
        Trajectory[] group = Group;
        double[] expected = GroupAdvantages.Compute(AdvantageKind.DrGrpo, [.. group.Select(sample => sample.Reward ?? 0)]);
        await using TestPage page = await fixture.OpenAsync($"#/groups/{group[0].GroupId}");

        await Expect(page.Find(".column")).ToHaveCountAsync(group.Length);

        string[] advantages = await page.TextsAsync("tbody td:nth-child(8)");
        Assert.Equal(expected.Select(advantage => Math.Round(advantage, 3)), advantages.Select(text => double.Parse(text, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Where_a_sample_leaves_the_other_is_marked()
    {
        Trajectory[] group = Group;
        await using TestPage page = await fixture.OpenAsync($"#/groups/{group[0].GroupId}");
        await Expect(page.Find(".column")).ToHaveCountAsync(group.Length);

        await page.Tab.GetByLabel("Compare with").SelectOptionAsync("0");

        int[] reference = group[0].Sequences[0].TokenIds;
        for (int i = 1; i < group.Length; i++)
        {
            int[] ids = group[i].Sequences[0].TokenIds;
            int same = ids.AsSpan().CommonPrefixLength(reference);
            ILocator column = page.Find(".column").Nth(i);
            if (same == ids.Length && same == reference.Length)
            {
                await Expect(column).ToContainTextAsync("The same tokens to the end.");
                continue;
            }

            await Expect(column).ToContainTextAsync($"Leaves it at position {same.ToString("N0", CultureInfo.InvariantCulture)}, turn ");
            await Expect(column.Locator(".diverged")).ToHaveCountAsync(same < ids.Length ? 1 : 0);
        }
    }
}
