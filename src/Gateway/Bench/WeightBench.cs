using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Http.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>Updates the weights of a real engine through the server's own endpoints, beside what the machine needs to move the same bytes.</summary>
internal sealed class WeightBench : IAsyncDisposable
{
    private const int BucketBytes = 32 * 1024 * 1024;
    private const int Connections = 2;

    private readonly WebApplication _app;
    private readonly HttpClient _client;
    private readonly LocalEngine _engine;
    private readonly string _folder;
    private readonly string _file;
    private readonly SafetensorsLayout _layout;
    private readonly byte[] _bucket = new byte[BucketBytes];

    private WeightBench(WebApplication app, LocalEngine engine, string folder, string file, SafetensorsLayout layout)
    {
        (_app, _engine, _folder, _file, _layout) = (app, engine, folder, file, layout);
        _client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(app.Urls.Single()), Timeout = TimeSpan.FromMinutes(10) };
    }

    /// <param name="model">Folder of the model; no tokenizer is needed.</param>
    /// <param name="staging">A folder for two copies of the weights, in memory where there is such: <c>/dev/shm</c>.</param>
    /// <param name="rounds">Measurements of each kind.</param>
    /// <param name="threads">Threads of the engine and of the copy.</param>
    /// <param name="cancellationToken">Stops between two measurements.</param>
    public static async Task<WeightReport> RunAsync(string model, string staging, int rounds, int threads, CancellationToken cancellationToken)
    {
        await using WeightBench bench = await StartAsync(model, staging, threads);
        return await bench.MeasureAsync(Path.GetFileName(Path.TrimEndingDirectorySeparator(model)), rounds, threads, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await _engine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<WeightBench> StartAsync(string model, string staging, int threads)
    {
        string folder = Path.Combine(staging, $"agentrollout-weights-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        try
        {
            string file = Path.Combine(folder, "model.safetensors");
            SafetensorsLayout layout = WeightFile.Write(model, file);
            LocalEngine engine = LocalEngine.Load(
                model, new EngineOptions { Threads = threads, KvCacheMiB = 256, ContextLength = 1_024 }, NullLoggerFactory.Instance);
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
            builder.Logging.ClearProviders();
            builder.Services.ConfigureHttpJsonOptions(json => GatewayApplication.UseOurJson(json.SerializerOptions));
            builder.Services.AddProblemDetails();
            builder.Services.AddSingleton<ITokenEngine>(engine);
            builder.Services.AddSingleton(TimeProvider.System);
            builder.Services.AddSingleton(WeightFolder.Open(Path.Combine(folder, "kept")));
            builder.Services.AddSingleton<WeightService>();
            WebApplication app = builder.Build();
            app.UseProblems();
            app.MapWeights();
            app.MapPut("/discard", DiscardAsync);
            await app.StartAsync();
            return new WeightBench(app, engine, folder, file, layout);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    private async Task<WeightReport> MeasureAsync(string model, int rounds, int threads, CancellationToken cancellationToken)
    {
        List<double> copies = [], updates = [], discards = [], streams = [], processor = [];
        List<WeightUpdateReport> reports = [];
        using WeightCopy copy = new(_file, threads);
        for (int round = -1; round < rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TimeSpan before = Environment.CpuUsage.TotalTime;
            double copied = Time(copy.Run);
            TimeSpan between = Environment.CpuUsage.TotalTime;
            (double updated, WeightUpdateReport report) = await TimeAsync(UpdateAsync);
            TimeSpan after = Environment.CpuUsage.TotalTime;
            (double discarded, _) = await TimeAsync(() => SendAllAsync(_ => "/discard"));
            (double streamed, _) = await TimeAsync(StreamAsync);
            // The first round compiles and touches memory.
            if (round < 0)
                continue;
            copies.Add(copied);
            updates.Add(updated);
            processor.Add((after - between) / (between - before));
            discards.Add(discarded);
            streams.Add(streamed);
            reports.Add(report);
        }

        return new WeightReport
        {
            Model = model,
            Bytes = _layout.DataBytes,
            CopyMs = Median.Of(copies),
            UpdateMs = Median.Of(updates),
            PhasesMs = new Dictionary<string, double>
            {
                ["convert"] = Median.Of(reports.Select(report => report.ConvertMs)),
                ["flush"] = Median.Of(reports.Select(report => report.FlushMs)),
                ["swap"] = Median.Of(reports.Select(report => report.SwapMs)),
            },
            DiscardMs = Median.Of(discards),
            StreamMs = Median.Of(streams),
            UpdateToCopy = Median.Of(updates.Zip(copies, (update, plain) => update / plain)),
            UpdateToCopyProcessorTime = Median.Of(processor),
            StreamToDiscard = Median.Of(discards.Zip(streams, (discard, stream) => discard / stream)),
        };
    }

    private async Task<WeightUpdateReport> UpdateAsync()
    {
        using HttpResponseMessage response = await _client.PostAsJsonAsync(
            "/v1/weights/from_disk", new UpdateFromDiskBody { Path = _file }, GatewayJson.Default.UpdateFromDiskBody);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync(GatewayJson.Default.WeightUpdateReport))!;
    }

    /// <summary>Sends all bytes as an update and forgets it.</summary>
    private async Task<bool> StreamAsync()
    {
        BeginUpdateBody body = new()
        {
            Tensors = [.. _layout.Slots.Select(slot => new TensorBody { Name = slot.Tensor.Name, Dtype = slot.Tensor.Dtype, Shape = slot.Tensor.Shape })],
        };
        using HttpResponseMessage begun = await _client.PostAsJsonAsync("/v1/weights/updates", body, GatewayJson.Default.BeginUpdateBody);
        begun.EnsureSuccessStatusCode();
        string id = (await begun.Content.ReadFromJsonAsync(GatewayJson.Default.UpdateBegun))!.Id;
        await SendAllAsync(offset => $"/v1/weights/updates/{id}/bytes?offset={offset}");
        using HttpResponseMessage aborted = await _client.PostAsync($"/v1/weights/updates/{id}/abort", null);
        return aborted.EnsureSuccessStatusCode().IsSuccessStatusCode;
    }

    private async Task<bool> SendAllAsync(Func<long, string> path)
    {
        long[] offsets = [.. Enumerable.Range(0, (int)((_layout.DataBytes + BucketBytes - 1) / BucketBytes)).Select(i => (long)i * BucketBytes)];
        await Parallel.ForEachAsync(offsets, new ParallelOptions { MaxDegreeOfParallelism = Connections }, async (offset, cancellationToken) =>
        {
            int length = (int)Math.Min(BucketBytes, _layout.DataBytes - offset);
            using HttpResponseMessage response = await _client.PutAsync(path(offset), new ByteArrayContent(_bucket, 0, length), cancellationToken);
            response.EnsureSuccessStatusCode();
        });
        return true;
    }

    private static async Task DiscardAsync(HttpContext context)
    {
        PipeReader body = context.Request.BodyReader;
        ReadResult read;
        do
        {
            read = await body.ReadAsync(context.RequestAborted);
            body.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
    }

    private static double Time(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task<(double Milliseconds, T Result)> TimeAsync<T>(Func<Task<T>> action)
    {
        long started = Stopwatch.GetTimestamp();
        T result = await action();
        return (Stopwatch.GetElapsedTime(started).TotalMilliseconds, result);
    }
}
