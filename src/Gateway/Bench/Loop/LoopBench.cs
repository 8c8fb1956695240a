using System.Diagnostics;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>Measures the loop itself: everything of a rollout that is neither the engine's nor a tool's own time.</summary>
internal sealed class LoopBench(LoopBenchOptions options, LoopStage stage)
{
    /// <summary>Trajectories in play at once where turns per second are measured.</summary>
    private const int Concurrency = 64;

    /// <summary>The same where storage is.</summary>
    private const int StoringConcurrency = 256;

    /// <summary>The longest mean time of a simulated generation, which bounds a measurement's time on a slow machine.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(6);

    private TimeSpan Duration => TimeSpan.FromSeconds(options.Seconds);

    public static async Task<LoopReport> RunAsync(LoopBenchOptions options, CancellationToken cancellationToken)
    {
        ChatFormat format = ChatFormat.Load(options.Model);
        await using LoopStage stage = await LoopStage.StartAsync(format, cancellationToken);
        return await new LoopBench(options, stage).MeasureAsync(cancellationToken);
    }

    private async Task<LoopReport> MeasureAsync(CancellationToken cancellationToken)
    {
        await WarmUpAsync(cancellationToken);
        List<LoopRun> plain = [], tools = [];
        for (int round = 0; round < options.Rounds; round++)
        {
            plain.Add(await PlayAsync(stage.WithoutTools, Concurrency, database: null, cancellationToken));
            tools.Add(await PlayAsync(stage.WithTools, Concurrency, database: null, cancellationToken));
        }

        StorageReport storage = await MeasureStorageAsync(cancellationToken);
        HeavyTailReport tail = await new HeavyTail(stage, options.HeavyTail).CompareAsync(cancellationToken);
        double turnsPerSecond = Median.Of(tools.Select(run => run.TurnsPerSecond));
        SortedDictionary<int, Percentiles> overhead = [];
        foreach (int concurrency in options.Concurrencies)
            overhead[concurrency] = await MeasureOverheadAsync(concurrency, turnsPerSecond, cancellationToken);

        using Process process = Process.GetCurrentProcess();
        return new LoopReport
        {
            TurnsPerSecondNoTools = Median.Of(plain.Select(run => run.TurnsPerSecond)),
            TurnsPerSecondWithTools = turnsPerSecond,
            ProcessorUsPerTurnNoTools = Median.Of(plain.Select(run => run.ProcessorMicrosecondsPerTurn)),
            ProcessorUsPerTurnWithTools = Median.Of(tools.Select(run => run.ProcessorMicrosecondsPerTurn)),
            TokensPerTurn = stage.WithTools.TokensPerTurn,
            OverheadMs = overhead,
            Storage = storage,
            HeavyTail = tail,
            PeakRssMb = process.PeakWorkingSet64 / 1e6,
        };
    }

    /// <summary>Long enough for the runtime to compile the loop fully.</summary>
    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        await PlayAsync(stage.WithoutTools, Concurrency, database: null, cancellationToken);
        await PlayAsync(stage.WithTools, Concurrency, database: null, cancellationToken);
    }

    private Task<LoopRun> PlayAsync(LoopScript script, int concurrency, GatewayDatabase? database, CancellationToken cancellationToken) => stage.PlayAsync(
        new LoopLoad { Script = script, Concurrency = concurrency, Trajectories = concurrency, Duration = Duration, Database = database },
        cancellationToken);

    /// <summary>With tools, so many trajectories in play, and an engine that takes so long that they ask for half of what the loop can do.</summary>
    private async Task<Percentiles> MeasureOverheadAsync(int concurrency, double turnsPerSecond, CancellationToken cancellationToken)
    {
        TimeSpan turn = TimeSpan.FromSeconds(concurrency / (turnsPerSecond / 2));
        turn = turn < LongestTurn ? turn : LongestTurn;
        Random random = new(concurrency);
        LoopLoad load = new()
        {
            Script = stage.WithTools,
            Concurrency = concurrency,
            Trajectories = concurrency,
            Duration = Duration,
            Generate = (_, stop) => Task.Delay(turn * Uniform(0.5, 1.5), TimeProvider.System, stop),
            // All at once would measure how long so many prompts take to render.
            Admit = stop => new ValueTask(Task.Delay(turn * 2 / concurrency * Uniform(0, 2), TimeProvider.System, stop)),
        };
        await stage.PlayAsync(load, cancellationToken);
        return load.Overhead.Read();

        double Uniform(double low, double high)
        {
            lock (random)
                return low + (high - low) * random.NextDouble();
        }
    }

    private async Task<StorageReport> MeasureStorageAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateDirectory(Path.Combine(options.Scratch, $"agentrollout-loop-{Environment.ProcessId}")).FullName;
        try
        {
            List<LoopRun> off = [], onNormal = [], onFull = [];
            List<long> writesNormal = [], writesFull = [];
            // Storing is compiled while it runs, as the loop was.
            await StoreAsync(Durability.Normal, [], []);
            for (int round = 0; round < options.Rounds; round++)
            {
                off.Add(await PlayAsync(stage.WithTools, StoringConcurrency, database: null, cancellationToken));
                await StoreAsync(Durability.Normal, onNormal, writesNormal);
                await StoreAsync(Durability.Full, onFull, writesFull);
            }

            return new StorageReport(
                StoringConcurrency, Median.Of(off.Select(run => run.TurnsPerSecond)), Report(onNormal, off, writesNormal), Report(onFull, off, writesFull));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        // Databases of servers have one owner, so each is open while it is measured.
        async Task StoreAsync(Durability durability, List<LoopRun> runs, List<long> writes)
        {
            await using GatewayDatabase database = GatewayDatabase.Open(options.Database ?? Path.Combine(folder, $"{durability}.db"), durability);
            long before = Count(database);
            runs.Add(await PlayAsync(stage.WithTools, StoringConcurrency, database, cancellationToken));
            writes.Add(Count(database) - before);
        }
    }

    private static long Count(GatewayDatabase database) =>
        database.Query("SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM trajectories)", reader => reader.GetInt64(0))[0];

    private static JournalReport Report(List<LoopRun> on, List<LoopRun> off, List<long> writes) => new(
        Median.Of(on.Select(run => run.TurnsPerSecond)),
        Median.Of(on.Zip(off, (with, without) => with.TurnsPerSecond / without.TurnsPerSecond)),
        Median.Of(on.Zip(off, (with, without) => with.ProcessorMicrosecondsPerTurn / without.ProcessorMicrosecondsPerTurn)),
        writes.Sum() / on.Sum(run => run.Wall.TotalSeconds));
}
