using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class FleetTests(PageFixture fixture)
{
    [Fact]
    public async Task The_fleet_shows_what_plays_while_it_plays()
    {
        string id = await fixture.Server.AcceptAsync("arithmetic", tasks: 5_000, samples: 4);
        await using TestPage page = await fixture.OpenAsync("#/fleet");

        ILocator pending = page.Tab.GetByRole(AriaRole.Region, new() { Name = "Pending trajectories" });
        await Expect(pending.Locator("tbody tr").First).ToContainTextAsync(new Regex("engine|tools|environment"));
        await Expect(pending.Locator($"a[href='#/rollouts/{id}']").First).ToBeVisibleAsync();
        ILocator engine = page.Tab.GetByRole(AriaRole.Region, new() { Name = "Engine" });
        await Expect(engine).ToContainTextAsync(new Regex("[1-9][0-9]* of 64 sequences, [1-9]"));
        await Expect(engine).ToContainTextAsync(new Regex(@"[0-9.]+% of the prompts' tokens were there"));
        using (await fixture.Server.Client.DeleteAsync($"/v1/rollouts/{id}"))
        {
        }

        await Expect(pending).ToContainTextAsync("Pending: 0");
    }

    [Fact]
    public async Task Tools_and_sandboxes_are_listed()
    {
        await using TestPage page = await fixture.OpenAsync("#/fleet");

        ILocator tools = page.Tab.GetByRole(AriaRole.Region, new() { Name = "Tools and sandboxes" });

        await Expect(tools).ToContainTextAsync("None are configured.");
        await Expect(tools.Locator("tbody tr")).ToContainTextAsync(["calculator", "search"]);
    }
}
