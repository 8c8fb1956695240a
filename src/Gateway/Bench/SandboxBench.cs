using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Bubblewrap;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>Measures sandboxed Python through the whole path of a tool call, beside what others do per call.</summary>
internal sealed class SandboxBench
{
    private const string Cell = "1 + 1";
    private const int WarmUp = 50;
    private const int Leases = 40;
    private const int LeasesAtOnce = 2;
    private const int Starts = 16;
    private static readonly int[] Loads = [1, 16, 64];
    private static readonly SandboxPoolOptions Pool = new() { Warm = 8, Sandbox = new SandboxOptions { MemoryMib = 256 } };
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LoadDuration = TimeSpan.FromSeconds(3);

    /// <summary>What a control group is charged with, in version 2 and in version 1.</summary>
    private const string ReadMemory = """
        import os
        paths = ('/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory/memory.usage_in_bytes')
        next((int(open(path).read()) for path in paths if os.path.exists(path)), 0)
        """;

    private readonly SandboxBenchOptions _options;
    private readonly ISandboxRuntime _runtime;
    private readonly SandboxPool _pool;
    private readonly IToolDispatcher _dispatcher;
    private readonly DockerCommand? _docker;
    private long _calls;

    private SandboxBench(SandboxBenchOptions options, ISandboxRuntime runtime, IServiceProvider services)
    {
        _options = options;
        _runtime = runtime;
        _pool = services.GetRequiredService<SandboxPool>();
        _dispatcher = services.GetRequiredService<IToolDispatcher>();
        _docker = runtime.Name == "docker" ? new DockerCommand(options.Runtime.DockerHost) : null;
    }

    public static async Task<SandboxReport> RunAsync(SandboxBenchOptions options, CancellationToken cancellationToken)
    {
        ISandboxRuntime runtime = await SandboxRuntimes.OpenAsync(options.Runtime, TimeProvider.System, NullLoggerFactory.Instance, cancellationToken);
        using IDisposable? owned = runtime as IDisposable;
        await using ServiceProvider services = new ServiceCollection().AddLogging().AddToolBus().AddSandboxTools(runtime, Pool).BuildServiceProvider();
        IHostedService[] hosted = [.. services.GetServices<IHostedService>()];
        SandboxBench bench = new(options, runtime, services);
        SandboxReport report;
        try
        {
            foreach (IHostedService service in hosted)
                await service.StartAsync(cancellationToken);
            report = await bench.MeasureAsync(cancellationToken);
        }
        finally
        {
            foreach (IHostedService service in hosted)
                await service.StopAsync(CancellationToken.None);
        }

        return report with { Episodes = report.Episodes with { Orphans = await bench.CountOrphansAsync() } };
    }

    private async Task<SandboxReport> MeasureAsync(CancellationToken cancellationToken)
    {
        if (_options.EpisodesOnly)
            return new SandboxReport { Runtime = _runtime.Name, Episodes = await PlayEpisodesAsync(cancellationToken) };
        Percentiles cell = await MeasureCellsAsync(cancellationToken);
        double memory = double.Parse((await CallAsync("cells", ReadMemory, cancellationToken)).Text, CultureInfo.InvariantCulture) / (1 << 20);
        Percentiles lease = await MeasureLeasesAsync(cancellationToken);
        double starts = await MeasureStartsAsync(cancellationToken);
        (Percentiles? exec, Percentiles? run) = await MeasureDockerAsync(cancellationToken);
        Dictionary<string, double> load = [];
        foreach (int count in Loads.Where(count => count <= _options.Trajectories))
            load[count.ToString(CultureInfo.InvariantCulture)] = await MeasureLoadAsync(count, cancellationToken);
        return new SandboxReport
        {
            Runtime = _runtime.Name,
            PythonCellMs = cell,
            DockerExecMs = exec,
            DockerRunMs = run,
            LeaseMs = lease,
            CellsPerS = load,
            ContainersPerS = Math.Round(starts, 2),
            MemoryPerContainerMib = memory > 0 ? Math.Round(memory, 1) : null,
            Episodes = await PlayEpisodesAsync(cancellationToken),
        };
    }

    private async Task<Percentiles> MeasureCellsAsync(CancellationToken cancellationToken)
    {
        List<TimeSpan> times = [];
        for (int i = -WarmUp; i < _options.Cells; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await CallAsync("cells", Cell, cancellationToken);
            if (i >= 0)
                times.Add(Stopwatch.GetElapsedTime(started));
        }

        return Percentiles.Of(times);
    }

    private async Task<Percentiles> MeasureLeasesAsync(CancellationToken cancellationToken)
    {
        List<TimeSpan> times = [];
        while (times.Count < Leases)
        {
            // Only a pool that had the time to fill is warm.
            while (_pool.WarmCount < Pool.Warm)
                await Task.Delay(50, cancellationToken);
            List<SandboxSession> taken = [];
            for (int i = 0; i < LeasesAtOnce; i++)
            {
                long started = Stopwatch.GetTimestamp();
                taken.Add(await _pool.TakeAsync("lease", cancellationToken));
                times.Add(Stopwatch.GetElapsedTime(started));
            }

            await Task.WhenAll(taken.Select(session => session.DisposeAsync().AsTask()));
        }

        return Percentiles.Of(times);
    }

    private async Task<double> MeasureStartsAsync(CancellationToken cancellationToken)
    {
        while (_pool.WarmCount < Pool.Warm)
            await Task.Delay(50, cancellationToken);
        long started = Stopwatch.GetTimestamp();
        await Parallel.ForAsync(0, Starts, new ParallelOptions { MaxDegreeOfParallelism = Pool.ConcurrentStarts, CancellationToken = cancellationToken }, async (_, cancel) =>
        {
            await using SandboxSession session = await SandboxSession.StartAsync(_runtime, Pool.Sandbox, "bench", TimeProvider.System, cancel);
        });
        return Starts / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private async Task<(Percentiles? Exec, Percentiles? Run)> MeasureDockerAsync(CancellationToken cancellationToken)
    {
        if (_docker is null)
            return (null, null);
        string program = $"print({Cell})";
        await using SandboxSession session = await _pool.TakeAsync("exec", cancellationToken);
        return (
            await _docker.MeasureAsync(_options.Commands, "exec", session.Id, "python3", "-c", program),
            await _docker.MeasureAsync(_options.Commands, "run", "--rm", "--network", "none", "--log-driver", "none", _options.Runtime.Image, "python3", "-c", program));
    }

    private async Task<double> MeasureLoadAsync(int trajectories, CancellationToken cancellationToken)
    {
        string[] names = [.. Enumerable.Range(0, trajectories).Select(i => $"load-{trajectories}-{i}")];
        await Task.WhenAll(names.Select(name => CallAsync(name, Cell, cancellationToken)));
        long started = Stopwatch.GetTimestamp();
        int[] counts = await Task.WhenAll(names.Select(async name =>
        {
            int count = 0;
            for (; Stopwatch.GetElapsedTime(started) < LoadDuration; count++)
                await CallAsync(name, Cell, cancellationToken);
            return count;
        }));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (string name in names)
            await _dispatcher.EndTrajectoryAsync(name);
        return Math.Round(counts.Sum() / seconds, 1);
    }

    private async Task<SandboxReport.EpisodeFigures> PlayEpisodesAsync(CancellationToken cancellationToken)
    {
        int failed = 0;
        long started = Stopwatch.GetTimestamp();
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = _options.Concurrency, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, _options.Episodes, parallel, async (number, cancel) =>
        {
            if (!await PlayEpisodeAsync(number, cancel))
                Interlocked.Increment(ref failed);
        });
        double seconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 2);
        return new SandboxReport.EpisodeFigures(_options.Episodes, _options.Concurrency, seconds, failed, Orphans: null);
    }

    /// <summary>Adds up in a variable, cell by cell, and looks at it in the last: whether the sum is right.</summary>
    private async Task<bool> PlayEpisodeAsync(int number, CancellationToken cancellationToken)
    {
        string name = $"episode-{number}";
        await CallAsync(name, "total = 0", cancellationToken);
        int additions = _options.EpisodeCells - 2;
        for (int i = 0; i < additions; i++)
            await CallAsync(name, $"total += {number}", cancellationToken);
        ToolResult last = await CallAsync(name, "total", cancellationToken);
        await _dispatcher.EndTrajectoryAsync(name);
        return last.Text == ((long)number * additions).ToString(CultureInfo.InvariantCulture);
    }

    private async Task<int?> CountOrphansAsync()
    {
        if (_runtime is BubblewrapRuntime bubblewrap)
            return bubblewrap.ListOwn().Count();
        if (_docker is null || await _docker.RunAsync("ps", "-aq", "--filter", $"label=agentrollout.owner={SandboxOwner.Current}") is not { } ids)
            return null;
        return ids.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }

    private Task<ToolResult> CallAsync(string trajectory, string code, CancellationToken cancellationToken)
    {
        string call = Interlocked.Increment(ref _calls).ToString(CultureInfo.InvariantCulture);
        JsonElement arguments = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["code"] = code });
        return _dispatcher.DispatchAsync(new ToolInvocation(call, trajectory, "python", arguments), CallTimeout, cancellationToken);
    }
}
