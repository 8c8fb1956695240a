using System.Globalization;
using AgentRollout.Environments.Trajectories;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AgentRollout.Page.Tests;

/// <summary>Shows the largest views and writes how long they took to the test's output, from where docs/benchmarks.md has its figures.</summary>
public sealed class PaintTests(PageFixture fixture, ITestOutputHelper output)
{
    [Fact]
    public async Task Ten_thousand_rows_are_painted_and_scrolled()
    {
        await using PageServer server = await PageServer.StartAsync(fixture.Model);
        await LongRecords.StoreManyAsync(server, fixture.Arithmetic[0], 10_000);

        await MeasureAsync("10,000 rows", "#/trajectories", ".grid-body .grid-row", ".grid-body", server);
    }

    [Fact]
    public async Task Thirty_thousand_tokens_are_painted_and_scrolled()
    {
        await using PageServer server = await PageServer.StartAsync(fixture.Model);
        Trajectory trajectory = await LongRecords.StoreLongTrajectoryAsync(server, fixture.Arithmetic, 30_000);

        await MeasureAsync("30,000 tokens", $"#/trajectories/{trajectory.Id}", ".run > span", ".tokens", server);
    }

    private async Task MeasureAsync(string what, string view, string shown, string scroller, PageServer server)
    {
        const int rounds = 5;
        List<double> paints = [], views = [];
        for (int round = 0; round < rounds; round++)
        {
            await using TestPage page = await fixture.OpenAsync(view, server: server);
            await Expect(page.Find(shown).First).ToBeVisibleAsync();
            paints.Add(await page.Tab.EvaluateAsync<double>("() => performance.getEntriesByName('first-contentful-paint')[0].startTime"));
            views.Add(await page.Tab.EvaluateAsync<double>("() => performance.getEntriesByName('view-shown')[0].startTime"));
            if (round < rounds - 1)
                continue;

            double[] frames = await ScrollAsync(page, scroller);
            Assert.NotEmpty(frames);
            Write($"{what}: scrolling, frames p50 {frames[frames.Length / 2]:0.0} ms, p95 {frames[frames.Length * 95 / 100]:0.0} ms, longest {frames[^1]:0.0} ms");
        }

        paints.Sort();
        views.Sort();
        Assert.All(paints.Zip(views), times => Assert.True(times.First > 0 && times.Second > 0));
        Write($"{what}: first paint {paints[rounds / 2]:0} ms, whole view {views[rounds / 2]:0} ms, medians of {rounds}");
    }

    /// <summary>Scrolls by half a screen a frame for two seconds; the times between frames, sorted.</summary>
    private static Task<double[]> ScrollAsync(TestPage page, string scroller) => page.Tab.EvaluateAsync<double[]>(
        """
        selector => new Promise(resolve => {
          const element = document.querySelector(selector);
          const frames = [], end = performance.now() + 2_000;
          let before = performance.now();
          requestAnimationFrame(function step(now) {
            frames.push(now - before);
            before = now;
            element.scrollTop += element.clientHeight / 2;
            if (element.scrollTop + element.clientHeight >= element.scrollHeight - 1) element.scrollTop = 0;
            now < end ? requestAnimationFrame(step) : resolve(frames.slice(1).sort((a, b) => a - b));
          });
        })
        """,
        scroller);

    private void Write(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
