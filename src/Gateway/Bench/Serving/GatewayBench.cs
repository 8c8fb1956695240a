using System.Collections.Concurrent;
using System.Diagnostics;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>
/// Measures what the server adds to its engine: the same generations through a dialect over HTTP and by a call in the process, interleaved. The engine
/// takes no time, and the client, which reads but does not parse, shares the processors with the server.
/// </summary>
internal sealed class GatewayBench(GatewayBenchOptions options, GatewayStage stage)
{
    private const int CallTokens = 16;
    private const int StreamTokens = 129;

    public static async Task<GatewayReport> RunAsync(GatewayBenchOptions options, CancellationToken cancellationToken)
    {
        await using GatewayStage stage = await GatewayStage.StartAsync(options.Model, cancellationToken);
        return await new GatewayBench(options, stage).MeasureAsync(cancellationToken);
    }

    private async Task<GatewayReport> MeasureAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, IReadOnlyDictionary<int, DialectFigures>> dialects = [];
        foreach (DialectLoad dialect in stage.Dialects)
        {
            // Long enough for the runtime to compile it fully.
            await MeasureAsync(dialect, clients: 8, rounds: 1, cancellationToken);
            SortedDictionary<int, DialectFigures> figures = [];
            foreach (int clients in options.Concurrencies)
                figures[clients] = await MeasureAsync(dialect, clients, options.Rounds, cancellationToken);
            dialects[dialect.Name] = figures;
        }

        return new GatewayReport { Dialects = dialects };
    }

    private async Task<DialectFigures> MeasureAsync(DialectLoad dialect, int clients, int rounds, CancellationToken cancellationToken)
    {
        using SocketsHttpHandler handler = new() { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(10) };
        using HttpClient http = new(handler) { BaseAddress = stage.Address };
        byte[] call = dialect.BodyFor(CallTokens, stream: false), first = dialect.BodyFor(1, stream: true), stream = dialect.BodyFor(StreamTokens, stream: true);
        Samples calls = new(), engineCalls = new(), firsts = new(), engineFirsts = new(), streams = new(), engineStreams = new();
        // Connections are made once.
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => dialect.SendAsync(http, first, isStream: true, cancellationToken)));
        for (int round = 0; round < rounds; round++)
        {
            await RunAsync(engineCalls, clients, () => GenerateAsync(CallTokens, cancellationToken));
            await RunAsync(calls, clients, () => dialect.SendAsync(http, call, isStream: false, cancellationToken));
            await RunAsync(engineFirsts, clients, () => GenerateAsync(1, cancellationToken));
            await RunAsync(firsts, clients, () => dialect.SendAsync(http, first, isStream: true, cancellationToken));
            await RunAsync(engineStreams, clients, () => GenerateAsync(StreamTokens, cancellationToken));
            await RunAsync(streams, clients, () => dialect.SendAsync(http, stream, isStream: true, cancellationToken));
        }

        Percentiles added = streams.Minus(firsts), inProcess = engineStreams.Minus(engineFirsts);
        const double PerToken = 1_000.0 / (StreamTokens - 1);
        return new DialectFigures(
            calls.Minus(engineCalls),
            new Percentiles((added.Median - inProcess.Median) * PerToken, (added.P99 - inProcess.P99) * PerToken),
            calls.PerSecond,
            streams.PerSecond * StreamTokens);
    }

    private async Task RunAsync(Samples samples, int clients, Func<Task> request)
    {
        TimeSpan duration = TimeSpan.FromSeconds(options.Seconds);
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            do
            {
                long sent = Stopwatch.GetTimestamp();
                await request();
                samples.Times.Add(Stopwatch.GetElapsedTime(sent));
            }
            while (Stopwatch.GetElapsedTime(started) < duration);
        })));
        samples.Wall += Stopwatch.GetElapsedTime(started);
    }

    private async Task GenerateAsync(int tokens, CancellationToken cancellationToken)
    {
        GenerationRequest request = new() { Id = "bench", Tokens = stage.Prompt, MaxNewTokens = tokens };
        await foreach (TokenChunk _ in stage.Engine.GenerateAsync(request, cancellationToken))
        {
            // Each is taken as it comes.
        }
    }

    /// <summary>Times of the same request, sent again and again.</summary>
    private sealed class Samples
    {
        public ConcurrentBag<TimeSpan> Times { get; } = [];

        /// <summary>How long they were sent.</summary>
        public TimeSpan Wall { get; set; }

        public double PerSecond => Times.Count / Wall.TotalSeconds;

        /// <summary>The differences of the medians and of the upper ends.</summary>
        public Percentiles Minus(Samples other)
        {
            Percentiles mine = Percentiles.Of(Times), others = Percentiles.Of(other.Times);
            return new Percentiles(mine.Median - others.Median, mine.P99 - others.P99);
        }
    }
}
