using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class TrajectoriesTests(PageFixture fixture)
{
    private static ILocator Count(TestPage page) => page.Find("main > p[role=status]");

    [Fact]
    public async Task Filters_narrow_the_list_and_stand_in_the_address()
    {
        string rollout = fixture.Arithmetic[0].RolloutId;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories?rollout={rollout}");
        await Expect(Count(page)).ToHaveTextAsync("24 trajectories");

        int right = fixture.Arithmetic.Count(trajectory => trajectory.Reward >= 1);
        await page.Tab.GetByLabel("Reward from").FillAsync("1");

        await Expect(Count(page)).ToHaveTextAsync($"{right} trajectories");
        Assert.Contains("min_reward=1", page.Tab.Url, StringComparison.Ordinal);
        await page.Tab.ReloadAsync();
        await Expect(Count(page)).ToHaveTextAsync($"{right} trajectories");
        await page.Tab.GetByRole(AriaRole.Button, new() { Name = "Clear" }).ClickAsync();
        await Expect(page.Tab.GetByLabel("Rollout")).ToHaveValueAsync("");
    }

    [Fact]
    public async Task Text_is_found_in_what_was_said()
    {
        Trajectory sought = fixture.Lookup[0];
        string question = sought.Messages.Last(message => message.Role == "user").Content!;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories?rollout={sought.RolloutId}");
        await Expect(Count(page)).ToHaveTextAsync("12 trajectories");

        await page.Tab.Keyboard.PressAsync("/");
        await page.Tab.Keyboard.InsertTextAsync(question);

        await Expect(Count(page)).ToHaveTextAsync("4 trajectories");
    }

    [Fact]
    public async Task The_list_is_used_with_the_keyboard_alone()
    {
        string rollout = fixture.Lookup[0].RolloutId;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories?rollout={rollout}");
        await Expect(page.Find(".grid-body .grid-row")).ToHaveCountAsync(12);

        await page.Find(".grid-body").FocusAsync();
        await page.Tab.Keyboard.PressAsync("ArrowDown");
        await page.Tab.Keyboard.PressAsync("ArrowDown");
        await Expect(page.Find(".grid-body")).ToHaveAttributeAsync("aria-activedescendant", "row-1");
        await page.Tab.Keyboard.PressAsync("Enter");

        await Expect(page.Find("h1")).ToHaveTextAsync($"Trajectory {fixture.Lookup[^2].Id}");
    }

    [Fact]
    public async Task Ten_thousand_rows_are_scrolled_through_with_a_few_dozen_elements()
    {
        const int count = 10_000;
        await using PageServer server = await PageServer.StartAsync(fixture.Model);
        await LongRecords.StoreManyAsync(server, fixture.Arithmetic[0], count);
        await using TestPage page = await fixture.OpenAsync("#/trajectories", server: server);
        await Expect(Count(page)).ToHaveTextAsync("10,000 trajectories");
        ILocator grid = page.Find("[role=grid]");

        await page.Find(".grid-body").FocusAsync();
        for (int rows = 500; rows <= count; rows += 500)
        {
            await Expect(grid).ToHaveAttributeAsync("aria-rowcount", $"{rows + 1}");
            await page.Tab.Keyboard.PressAsync("End");
        }

        await Expect(page.Find($"#row-{count - 1}")).ToContainTextAsync("many-0-0");
        Assert.InRange(await page.Find(".grid-body .grid-row").CountAsync(), 10, 100);
        await page.Tab.Keyboard.PressAsync("Home");
        await Expect(page.Find("#row-0")).ToContainTextAsync("many-1249-7");
    }

    [Fact]
    public async Task A_filter_that_the_server_refuses_is_told()
    {
        await using TestPage page = await fixture.OpenAsync("#/trajectories?weight_version=0");
        await Expect(Count(page)).ToContainTextAsync("trajectories");

        await page.Tab.EvaluateAsync("() => { location.hash = '#/trajectories?min_reward=1&weight_version=99999999999999999999'; }");

        await Expect(Count(page)).ToHaveClassAsync("problem");
    }

    [Fact]
    public async Task The_list_says_how_trajectories_ended()
    {
        await using TestPage page = await fixture.OpenAsync($"#/trajectories?rollout={fixture.Lookup[0].RolloutId}&stop_reason=environment_done");
        int done = fixture.Lookup.Count(trajectory => trajectory.StopReason == StopReason.EnvironmentDone);

        await Expect(page.Find(".grid-body .grid-row")).ToHaveCountAsync(done);
        await Expect(page.Find(".grid-body .chip.completed")).ToHaveCountAsync(done);
    }
}
