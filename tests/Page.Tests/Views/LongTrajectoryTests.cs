using AgentRollout.Environments.Trajectories;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class LongTrajectoryTests(PageFixture fixture)
{
    [Fact]
    public async Task Thirty_thousand_tokens_are_text_but_for_those_near_the_sight()
    {
        Trajectory trajectory = await LongRecords.StoreLongTrajectoryAsync(fixture.Server, fixture.Arithmetic, 30_000);
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");
        await Expect(page.Find(".run > span").First).ToBeVisibleAsync();

        int length = await page.Tab.EvaluateAsync<int>("() => [...document.querySelectorAll('.run')].reduce((sum, run) => sum + run.textContent.length, 0)");
        Assert.True(length > 30_000);
        Assert.InRange(await page.Find(".run > span").CountAsync(), 100, 10_000);

        await page.Find(".tokens").FocusAsync();
        await page.Tab.Keyboard.PressAsync("End");

        await Expect(page.Find(".token-card")).ToContainTextAsync("29,999 of sequence 0");
        Assert.InRange(await page.Find(".run > span").CountAsync(), 100, 10_000);
    }
}
