using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class ReplayTests(PageFixture fixture)
{
    private Trajectory WithTool => fixture.Arithmetic.First(trajectory => trajectory.ToolCalls.Count > 0 && trajectory.ToolCalls[0].Result is not null);

    private static ILocator Replay(TestPage page) => page.Tab.GetByRole(AriaRole.Region, new() { Name = "Replay" });

    private static Task RunAsync(TestPage page, string button) => Replay(page).GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    [Fact]
    public async Task A_trajectory_of_this_engine_is_verified_to_the_bit()
    {
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{WithTool.Id}");

        await RunAsync(page, "Verify");

        await Expect(Replay(page).Locator(".chip.ok")).ToHaveTextAsync("bit exact");
    }

    [Fact]
    public async Task The_first_token_that_differs_is_shown_and_led_to()
    {
        Trajectory trajectory = WithTool;
        TrajectorySequence sequence = trajectory.Sequences[0];
        int position = sequence.Segments.First(segment => segment.Source == SegmentSource.Sampled).Start + 2;
        int[] ids = [.. sequence.TokenIds];
        ids[position] = (ids[position] + 1) % 200;
        Trajectory changed = trajectory with { Id = "changed-0-0", GroupId = "changed-0", RolloutId = "changed", Sequences = [sequence with { TokenIds = ids }, .. trajectory.Sequences.Skip(1)] };
        await using PageServer server = await PageServer.StartAsync(fixture.Model);
        await server.Store.AppendAsync(changed, CancellationToken.None);
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{changed.Id}", server: server);

        await RunAsync(page, "Verify");
        await Replay(page).GetByRole(AriaRole.Button, new() { Name = $"sequence 0, position {position}" }).First.ClickAsync();

        await Expect(page.Find(".token-card")).ToContainTextAsync($"{position} of sequence 0");
        await Expect(Replay(page).Locator("tbody tr").First).ToContainTextAsync("recorded");
    }

    [Fact]
    public async Task A_tool_that_answers_otherwise_is_shown_as_a_difference()
    {
        Trajectory trajectory = WithTool;
        TrajectoryToolCall call = trajectory.ToolCalls[0];
        Trajectory changed = trajectory with
        {
            Id = "lied-0-0", GroupId = "lied-0", RolloutId = "lied",
            ToolCalls = [call with { Result = "a lie" }, .. trajectory.ToolCalls.Skip(1)],
        };
        await using PageServer server = await PageServer.StartAsync(fixture.Model);
        await server.Store.AppendAsync(changed, CancellationToken.None);
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{changed.Id}", server: server);

        await RunAsync(page, "Call the tools again");

        await Expect(Replay(page).Locator(".diff .removed").First).ToHaveTextAsync("-a lie");
        await Expect(Replay(page).Locator(".diff .added").First).ToHaveTextAsync($"+{call.Result!.Split('\n')[0]}");
    }

    [Fact]
    public async Task Rewards_are_computed_again()
    {
        Trajectory trajectory = WithTool;
        await using TestPage page = await fixture.OpenAsync($"#/trajectories/{trajectory.Id}");

        await RunAsync(page, "Score again");

        await Expect(Replay(page).Locator(".chip.ok")).ToHaveTextAsync("same");
    }
}
