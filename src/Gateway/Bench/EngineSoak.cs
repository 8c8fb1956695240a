using System.Diagnostics;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>
/// A random load on an engine that has too little memory for it, so that sequences are preempted, pages evicted and prompts shared all the
/// time. Afterwards every request must have been answered once, every page be free or cached, and a sample of results be the same alone.
/// </summary>
internal static class EngineSoak
{
    private const int MostRepeats = 400;
    private const int ContextLength = 512;

    /// <summary>Growth of the process from the first quarter to the end that counts as a leak.</summary>
    private const long LeakMiB = 64;

    public static async Task<SoakReport> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        EngineOptions engineOptions = new()
        {
            Threads = options.Threads, KvCacheMiB = options.KvCacheMiB, ContextLength = ContextLength, MaxBatchTokens = 96, MaxMixedPrefillTokens = 40,
            MaxRunningSequences = Math.Max(1, options.Clients / 2), ChunkIntervalMs = 2, LeaseSeconds = 1, CheckIntegrity = true,
        };
        await using LocalEngine engine = LocalEngine.Load(options.Model, engineOptions, NullLoggerFactory.Instance);
        SoakClient[] clients = [.. Enumerable.Range(0, options.Clients).Select(number => new SoakClient(engine, options.Seed, number))];
        long started = Stopwatch.GetTimestamp();
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stop.CancelAfter(options.Duration);
        Task playing = Task.WhenAll(clients.Select(client => client.RunAsync(stop.Token)));
        long early = await MemoryAfterAsync(options.Duration / 4, playing);
        await playing;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        long late = WorkingSetMiB();

        EngineStatistics statistics = await IdleAsync(engine);
        List<string> problems = [.. clients.SelectMany(client => client.Problems), .. Leftovers(statistics)];
        if (late - early > LeakMiB)
            problems.Add($"The process grew from {early} to {late} MiB.");
        int repeated = await RepeatAsync(options, [.. clients.SelectMany(client => client.Kept)], problems);
        return new SoakReport
        {
            Seconds = Math.Round(elapsed.TotalSeconds, 1),
            Requests = clients.Sum(client => client.Requests),
            Completed = clients.Sum(client => client.Completed),
            Cancelled = clients.Sum(client => client.Cancelled),
            SampledTokens = statistics.SampledTokens,
            PrefillTokens = statistics.PrefillTokens,
            PrefixHitTokens = statistics.PrefixHitTokens,
            Preemptions = statistics.Preemptions,
            Evictions = statistics.Evictions,
            Steps = statistics.Steps,
            LongestWaitMs = Math.Round(clients.Max(client => client.LongestWait).TotalMilliseconds, 1),
            Repeated = repeated,
            WorkingSetEarlyMib = early,
            WorkingSetLateMib = late,
            Problems = problems,
        };
    }

    private static async Task<long> MemoryAfterAsync(TimeSpan time, Task playing)
    {
        await Task.WhenAny(playing, Task.Delay(time, TimeProvider.System));
        return WorkingSetMiB();
    }

    private static long WorkingSetMiB()
    {
        GC.Collect();
        return Environment.WorkingSet >> 20;
    }

    /// <summary>The engine hears of the last cancellations at its next step boundary.</summary>
    private static async Task<EngineStatistics> IdleAsync(LocalEngine engine)
    {
        EngineStatistics statistics = engine.Statistics;
        for (int tries = 0; tries < 200 && statistics.Running + statistics.Waiting > 0; tries++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            statistics = engine.Statistics;
        }

        return statistics;
    }

    private static IEnumerable<string> Leftovers(EngineStatistics statistics)
    {
        if (statistics.Running + statistics.Waiting > 0)
            yield return $"{statistics.Running} sequences still run and {statistics.Waiting} wait.";
        if (statistics.PagesInUse > 0)
            yield return $"{statistics.PagesInUse} pages are still in use.";
    }

    /// <summary>Computes some results again, one at a time and with everything off that could change them.</summary>
    private static async Task<int> RepeatAsync(SoakOptions options, List<(GenerationRequest Request, SoakResult Result)> kept, List<string> problems)
    {
        await using LocalEngine alone = LocalEngine.Load(
            options.Model, new EngineOptions { Threads = 1, ContextLength = ContextLength, PrefixCache = false, MaxRunningSequences = 1 }, NullLoggerFactory.Instance);
        int count = Math.Min(MostRepeats, kept.Count);
        foreach ((GenerationRequest request, SoakResult result) in kept.Take(count))
        {
            SoakResult again = new();
            await foreach (TokenChunk chunk in alone.GenerateAsync(request, CancellationToken.None))
                again.Add(chunk);
            if (!again.IsSameAs(result))
                problems.Add($"Request '{request.Id}' got other tokens or log-probabilities alone.");
        }

        return count;
    }
}
