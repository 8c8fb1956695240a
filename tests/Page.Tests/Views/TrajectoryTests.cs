using System.Globalization;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class TrajectoryTests(PageFixture fixture)
{
    private Trajectory WithTool => fixture.Arithmetic.First(trajectory => trajectory.ToolCalls.Count > 0 && trajectory.ToolCalls[0].Result is not null);

    [Fact]
    public async Task The_conversation_stands_beside_every_token()
    {
        Trajectory trajectory = WithTool;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");
        await Expect(page.Find(".message")).ToHaveCountAsync(trajectory.Messages.Count);

        string[] runs = await page.Tab.EvaluateAsync<string[]>("() => [...document.querySelectorAll('.run')].map(run => run.textContent)");
        string shown = string.Concat(runs).Replace("↵\n", "\n", StringComparison.Ordinal);

        Assert.Equal(fixture.Model.Policy.Format.Tokenizer.Decode(trajectory.Sequences[0].TokenIds), shown);
        Assert.Equal(trajectory.Sequences[0].Segments.Count, await page.Find(".segment").CountAsync());
        await Expect(page.Find(".message.tool-result").First).ToContainTextAsync(trajectory.ToolCalls[0].Result!);
    }

    [Fact]
    public async Task A_token_tells_its_id_its_log_probability_and_its_weights()
    {
        Trajectory trajectory = WithTool;
        TrajectorySequence sequence = trajectory.Sequences[0];
        TokenSegment sampled = sequence.Segments.First(segment => segment.Source == SegmentSource.Sampled);
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");

        await page.Find(".run.sampled > span").First.HoverAsync();

        ILocator card = page.Find(".token-card");
        await Expect(card).ToBeVisibleAsync();
        await Expect(card).ToContainTextAsync(sequence.TokenIds[sampled.Start].ToString(CultureInfo.InvariantCulture));
        string told = await card.InnerTextAsync();
        float shown = float.Parse(told.Split("log-probability")[1].Split('(')[0], CultureInfo.InvariantCulture);
        Assert.Equal(sequence.Logprobs[sampled.Start], shown);
        Assert.Contains("sampled, turn 1, mask 1", told, StringComparison.Ordinal);
        Assert.Contains("weights", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Control_tokens_stand_out()
    {
        Trajectory trajectory = WithTool;
        Tokenization.Tokenizer tokenizer = fixture.Model.Policy.Format.Tokenizer;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");

        await Expect(page.Find(".run > .special").First).ToBeVisibleAsync();

        string[] expected = [.. trajectory.Sequences[0].TokenIds.Where(tokenizer.IsSpecial).Select(id => tokenizer.Describe(id))];
        Assert.Equal(expected, await page.TextsAsync(".run > .special"));
    }

    [Fact]
    public async Task Arrow_keys_go_from_token_to_token_and_mark_the_message()
    {
        Trajectory trajectory = WithTool;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");
        await Expect(page.Find(".run > span").First).ToBeVisibleAsync();

        await page.Find(".tokens").FocusAsync();
        await page.Tab.Keyboard.PressAsync("Home");
        await Expect(page.Find(".token-card")).ToContainTextAsync("0 of sequence 0");
        await page.Tab.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Find(".token-card")).ToContainTextAsync("1 of sequence 0");
        await page.Tab.Keyboard.PressAsync("ArrowDown");
        await Expect(page.Find(".token-card")).ToContainTextAsync("sampled, turn 1");

        await Expect(page.Find(".message.said")).ToHaveClassAsync(new System.Text.RegularExpressions.Regex("assistant"));
        await page.Tab.Keyboard.PressAsync("Escape");
        await Expect(page.Find(".token-card")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_message_leads_to_its_tokens()
    {
        Trajectory trajectory = WithTool;
        int tool = trajectory.Messages.ToList().FindIndex(message => message.Role == "tool");
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");

        await page.Tab.GetByRole(AriaRole.Button, new() { Name = $"Message {tool}, tool: show its tokens" }).ClickAsync();

        await Expect(page.Find(".token-card")).ToContainTextAsync($"message {tool}");
        await Expect(page.Find(".token-card")).ToContainTextAsync("observation, turn 1, mask 0");
    }

    [Fact]
    public async Task Log_probabilities_colour_the_sampled_tokens_alone()
    {
        Trajectory trajectory = WithTool;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");
        await Expect(page.Find(".run.sampled > span").First).ToBeVisibleAsync();
        const string backgrounds = "source => new Set([...document.querySelectorAll(`.run.${source} > span`)].map(token => getComputedStyle(token).backgroundColor)).size";

        await page.Tab.GetByLabel("log-probability").CheckAsync();

        Assert.Equal(1, await page.Tab.EvaluateAsync<int>(backgrounds, "prompt"));
        Assert.InRange(await page.Tab.EvaluateAsync<int>(backgrounds, "sampled"), 2, 9);
    }

    [Fact]
    public async Task The_audit_is_repeated_and_shown_with_its_digest()
    {
        Trajectory trajectory = fixture.Lookup[0];
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");
        ILocator audit = page.Tab.GetByRole(AriaRole.Region, new() { Name = "Audit" });

        await Expect(audit).ToContainTextAsync(trajectory.Digest);
        await Expect(audit.Locator(".chip.ok")).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task Tool_calls_are_shown_with_their_times()
    {
        Trajectory trajectory = WithTool;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");

        ILocator calls = page.Tab.GetByRole(AriaRole.Region, new() { Name = "Tool calls" });

        await Expect(calls.Locator("tbody tr")).ToHaveCountAsync(trajectory.ToolCalls.Count);
        await Expect(calls).ToContainTextAsync(trajectory.ToolCalls[0].Name!);
    }
}
