using System.Diagnostics;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>
/// A random load on an engine that has too little memory for it, so that sequences are preempted, pages evicted and prompts shared all the
/// time, while its weights change and its memory comes and goes. Every page is accounted for after every step. Afterwards every request must
/// have been answered once, no page be in use, memory be what it was, and a sample of results be the same alone.
/// </summary>
internal static class EngineSoak
{
    /// <summary>Most tokens of a sequence.</summary>
    public const int ContextLength = 512;

    public static async Task<SoakReport> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        EngineOptions engineOptions = new()
        {
            Threads = options.Threads, KvCacheMiB = options.KvCacheMiB, ContextLength = ContextLength, MaxBatchTokens = 96, MaxMixedPrefillTokens = 40,
            MaxRunningSequences = Math.Max(1, options.Clients / 2), ChunkIntervalMs = 2, LeaseSeconds = 1, CheckIntegrity = true,
            WeightType = options.WeightType, KvCacheType = options.KvCacheType,
        };
        using SoakWeights weights = new(options.Model);
        await using LocalEngine engine = LocalEngine.Load(options.Model, engineOptions, NullLoggerFactory.Instance);
        SoakOperator operators = new(engine, weights, options.Seed);
        SoakClient[] clients = [.. Enumerable.Range(0, options.Clients).Select(number => new SoakClient(engine, operators, options, number))];
        SoakMemory memory = new(options.Duration);
        long started = Stopwatch.GetTimestamp();
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stop.CancelAfter(options.Duration);
        await Task.WhenAll([operators.RunAsync(stop.Token), memory.WatchAsync(stop.Token), .. clients.Select(client => client.RunAsync(stop.Token))]);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);

        EngineStatistics statistics = await IdleAsync(engine);
        SoakReplay replay = new(options, operators);
        await replay.RunAsync(weights, [.. clients.SelectMany(client => client.Sample)]);
        string[] problems =
        [
            .. clients.SelectMany(client => client.Problems), .. operators.Problems, .. Leftovers(statistics), .. memory.Problems(), .. replay.Problems,
        ];
        return Report(elapsed, statistics, clients, operators, memory, replay, problems);
    }

    private static SoakReport Report(
        TimeSpan elapsed, EngineStatistics statistics, SoakClient[] clients, SoakOperator operators, SoakMemory memory, SoakReplay replay, string[] problems) => new()
    {
        Seconds = Math.Round(elapsed.TotalSeconds, 1),
        Requests = clients.Sum(client => client.Requests),
        Completed = clients.Sum(client => client.Completed),
        Interrupted = clients.Sum(client => client.Interrupted),
        Cancelled = clients.Sum(client => client.Cancelled),
        Expired = clients.Sum(client => client.Expired),
        Refused = clients.Sum(client => client.Refused),
        WeightUpdates = operators.Updates,
        MemoryReleases = operators.Releases,
        Pauses = operators.Pauses,
        Flushes = operators.Flushes,
        SampledTokens = statistics.SampledTokens,
        PrefillTokens = statistics.PrefillTokens,
        PrefixHitTokens = statistics.PrefixHitTokens,
        Preemptions = statistics.Preemptions,
        Evictions = statistics.Evictions,
        Steps = statistics.Steps,
        LongestWaitMs = Math.Round(clients.Max(client => client.LongestWait).TotalMilliseconds, 1),
        LongestRequestMs = Math.Round(clients.Max(client => client.LongestRequest).TotalMilliseconds, 1),
        Repeated = replay.Compared.Generated,
        RepeatedAcrossUpdates = replay.Compared.Scored,
        WorkingSetEarlyMib = Math.Round(memory.ProcessEarly, 1),
        WorkingSetLateMib = Math.Round(memory.ProcessLate, 1),
        ManagedHeapEarlyMib = Math.Round(memory.HeapEarly, 1),
        ManagedHeapLateMib = Math.Round(memory.HeapLate, 1),
        Problems = problems,
    };

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
}
