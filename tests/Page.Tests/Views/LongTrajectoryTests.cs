using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests.Views;

public sealed class LongTrajectoryTests(PageFixture fixture)
{
    [Fact]
    public async Task Thirty_thousand_tokens_are_text_but_for_those_near_the_sight()
    {
        Trajectory trajectory = await StoreAsync(30_000);
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

    /// <summary>A trajectory of many turns whose tokens are those of a real one, over and over.</summary>
    private async Task<Trajectory> StoreAsync(int tokens)
    {
        Trajectory template = fixture.Arithmetic.First(trajectory => trajectory.ToolCalls.Count > 0);
        TrajectorySequence source = template.Sequences[0];
        List<TokenSegment> segments = [];
        for (int start = 0, turn = 0; start < tokens; turn++)
        {
            int end = Math.Min(tokens, start + (turn % 2 == 0 ? 900 : 100));
            segments.Add(turn % 2 == 0
                ? new TokenSegment(start, end, SegmentSource.Sampled, turn / 2 + 1, 0, "stop")
                : new TokenSegment(start, end, SegmentSource.Observation, turn / 2 + 1));
            start = end;
        }

        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => source.TokenIds[i % source.TokenIds.Length])];
        int[] mask = new int[tokens];
        foreach (TokenSegment segment in segments.Where(segment => segment.Source == SegmentSource.Sampled))
            Array.Fill(mask, 1, segment.Start, segment.End - segment.Start);
        Trajectory trajectory = template with
        {
            Id = "long-0-0",
            GroupId = "long-0",
            RolloutId = "long",
            ToolCalls = [],
            Sequences =
            [
                source with
                {
                    TokenIds = ids,
                    LossMask = mask,
                    Logprobs = [.. mask.Select((one, i) => one == 1 ? (float?)-(i % 9) / 2f : null)],
                    SamplingLogprobs = null,
                    Segments = segments,
                },
            ],
        };
        await fixture.Server.Store.AppendAsync(trajectory, CancellationToken.None);
        return trajectory;
    }
}
