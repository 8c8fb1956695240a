using System.Text.Json;
using AgentRollout.Testing;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests;

/// <summary>Basics that hold for every view in both colour schemes.</summary>
public sealed class AccessibilityTests(PageFixture fixture)
{
    private static readonly string Checks = File.ReadAllText(SharedFiles.InRepository("tests", "Page.Tests", "accessibility.js"));

    private static readonly string[] All = ["rollouts", "rollouts/{rollout}", "trajectories", "trajectories/{trajectory}", "groups/{group}", "fleet"];

    public static TheoryData<string> Names() => new(All);

    public static TheoryData<string, ColorScheme> Views() => new(
        from view in All
        from scheme in new[] { ColorScheme.Light, ColorScheme.Dark }
        select (view, scheme));

    [Theory]
    [MemberData(nameof(Views))]
    public async Task Controls_have_names_and_text_has_contrast(string view, ColorScheme scheme)
    {
        await using TestPage page = await OpenAsync(view, scheme);

        string[] problems = await page.Tab.EvaluateAsync<string[]>($"() => {{ {Checks}; return findProblems(); }}");

        Assert.Empty(problems);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_tab_key_visits_every_control_in_the_order_of_the_page(string view)
    {
        await using TestPage page = await OpenAsync(view, ColorScheme.Dark);
        int[] expected = await page.Tab.EvaluateAsync<int[]>($"() => {{ {Checks}; return markControls(); }}");

        List<int> visited = [];
        for (int press = 0; press < expected.Length; press++)
        {
            await page.Tab.Keyboard.PressAsync("Tab");
            JsonElement? focus = await page.Tab.EvaluateAsync<JsonElement?>($"() => {{ {Checks}; return readFocus(); }}");
            visited.Add(focus!.Value.GetProperty("control").GetInt32());
            Assert.True(focus.Value.GetProperty("visible").GetBoolean(), $"Control {visited[^1]} does not show its focus.");
        }

        Assert.Equal(expected, visited);
    }

    private async Task<TestPage> OpenAsync(string view, ColorScheme scheme)
    {
        TestPage page = await fixture.OpenAsync(
            "#/" + view.Replace("{rollout}", fixture.Lookup[0].RolloutId, StringComparison.Ordinal).Replace("{trajectory}", fixture.Lookup[0].Id, StringComparison.Ordinal).Replace("{group}", fixture.Lookup[0].GroupId, StringComparison.Ordinal),
            scheme);
        await Expect(page.Find("h1")).ToBeVisibleAsync();
        await Expect(page.Find(view switch
        {
            "rollouts" => "tbody tr",
            "trajectories" => ".grid-body .grid-row",
            "trajectories/{trajectory}" => "[aria-labelledby=audit-title]",
            "groups/{group}" => ".column",
            "fleet" => "section[aria-label='Tools and sandboxes'] tbody tr",
            _ => "section[aria-label=Groups] tbody tr",
        }).First).ToBeVisibleAsync();
        return page;
    }
}
