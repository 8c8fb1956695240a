using System.Globalization;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Shows a running rollout: a live bar in a terminal, a line now and then elsewhere.</summary>
internal sealed class RolloutDisplay(IAnsiConsole console, RolloutProgress progress, long total)
{
    private static readonly TimeSpan _liveInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _lineInterval = TimeSpan.FromSeconds(2);

    private int _finished;
    private int _rewarded;
    private double _rewards;

    /// <summary>A trajectory has finished.</summary>
    public void Count(TrajectorySummary summary)
    {
        if (summary.Reward is { } reward)
        {
            _rewarded++;
            _rewards += reward;
        }

        Interlocked.Increment(ref _finished);
    }

    /// <summary>Shows progress while <paramref name="play"/> runs.</summary>
    public Task ShowAsync(Func<Task> play) =>
        console.Profile.Capabilities.Interactive ? ShowLiveAsync(play()) : ShowLinesAsync(play());

    private Task ShowLiveAsync(Task playing) => console.Progress()
        .Columns(new SpinnerColumn(), new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
        .StartAsync(async context =>
        {
            ProgressTask bar = context.AddTask(Line(), maxValue: total);
            while (await GoesOnAsync(playing, _liveInterval))
            {
                bar.Value = Volatile.Read(ref _finished);
                bar.Description = Line();
            }

            bar.Value = _finished;
            bar.Description = Line();
        });

    private async Task ShowLinesAsync(Task playing)
    {
        while (await GoesOnAsync(playing, _lineInterval))
            console.WriteLine(Line());
    }

    /// <summary>Waits for the interval or the end, whichever comes first; throws what the run threw.</summary>
    private static async Task<bool> GoesOnAsync(Task playing, TimeSpan interval)
    {
        if (await Task.WhenAny(playing, Task.Delay(interval, TimeProvider.System)) != playing)
            return true;
        await playing;
        return false;
    }

    private string Line()
    {
        double seconds = Math.Max(progress.Elapsed.TotalSeconds, 1e-3);
        string reward = _rewarded == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", mean reward {_rewards / _rewarded:0.000}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Volatile.Read(ref _finished)}/{total} trajectories, {progress.Tokens / seconds:N0} tokens/s{reward}");
    }
}
