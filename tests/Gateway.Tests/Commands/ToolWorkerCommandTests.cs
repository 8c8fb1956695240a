using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

/// <summary>Worker processes and brokers that die while 1,000 calls are on their way: each call has exactly one result.</summary>
public sealed class ToolWorkerCommandTests
{
    private const int Calls = 1_000;
    private const int AtOnce = 64;

    [Fact]
    public async Task A_worker_that_is_killed_loses_no_call()
    {
        if (Environment.GetEnvironmentVariable("AGENTROLLOUT_RABBITMQ_URL") is not { Length: > 0 } broker)
        {
            SharedFiles.Missing("AGENTROLLOUT_RABBITMQ_URL is not set; docker/start-rabbitmq.sh starts a broker and prints its value.");
            return;
        }

        string config = WriteConfig();
        WorkerProcess[] workers = await Task.WhenAll(WorkerProcess.StartAsync(config, broker), WorkerProcess.StartAsync(config, broker));
        await PlayAsync(config, broker, workers, killAfter: 300, () =>
        {
            workers[0].Kill();
            return Task.CompletedTask;
        });
        Assert.True(workers[1].Redeliveries > 0);
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_starts_again_loses_no_call()
    {
        using TestBroker broker = await TestBroker.StartAsync();
        string config = WriteConfig();
        WorkerProcess[] workers = [await WorkerProcess.StartAsync(config, broker.Url)];
        await PlayAsync(config, broker.Url, workers, killAfter: 300, broker.KillAndStartAsync);
    }

    private static string WriteConfig()
    {
        string path = Path.Combine(Path.GetTempPath(), $"agentrollout-worker-{Guid.NewGuid():N}.json");
        File.WriteAllText(path, $$$"""{"tool_bus": {"transport": "rabbitmq", "groups": [{"name": "test-{{{Guid.NewGuid():N}}}", "tools": ["calculator"]}]}}""");
        return path;
    }

    private static async Task PlayAsync(string config, string broker, WorkerProcess[] workers, int killAfter, Func<Task> kill)
    {
        ToolBusSettings settings = GatewayOptionsFile.Read(config).ToolBus;
        ToolBusOptions options = new() { Broker = new Uri(broker), Groups = settings.Groups.ToDictionary(group => group.Name, group => new ToolBusGroup { Tools = group.Tools }) };
        await using ServiceProvider caller = new ServiceCollection()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning)).AddToolBus(options).BuildServiceProvider();
        IHostedService[] hosted = [.. caller.GetServices<IHostedService>()];
        foreach (IHostedService service in hosted)
            await service.StartAsync(default);
        try
        {
            IToolDispatcher dispatcher = caller.GetRequiredService<IToolDispatcher>();
            Task killing = Task.CompletedTask;
            int done = 0;
            double[] latencies = new double[Calls];
            long started = Stopwatch.GetTimestamp();
            await Parallel.ForAsync(0, Calls, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
            {
                long sent = Stopwatch.GetTimestamp();
                var call = new ToolInvocation($"call-{i}", "trajectory", "calculator", JsonElement.Parse($$"""{"expression": "{{i}} + 1"}"""));
                ToolResult result = await dispatcher.DispatchAsync(call, TimeSpan.FromMinutes(10), default);
                latencies[i] = Stopwatch.GetElapsedTime(sent).TotalMilliseconds;
                Assert.Equal(($"{i + 1}", null), (result.Text, result.Failure));
                if (Interlocked.Increment(ref done) == killAfter)
                    killing = Task.Run(kill, CancellationToken.None);
            });
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            await killing;
            Array.Sort(latencies);
            TestContext.Current.TestOutputHelper?.WriteLine(
                "{0:0} calls/s, median {1:0} ms, p99 {2:0} ms, {3} redeliveries",
                Calls / seconds, latencies[Calls / 2], latencies[Calls * 99 / 100], workers.Sum(worker => worker.Redeliveries));
        }
        finally
        {
            foreach (IHostedService service in hosted)
                await service.StopAsync(default);
            foreach (WorkerProcess worker in workers)
                worker.Dispose();
            File.Delete(config);
        }
    }
}
