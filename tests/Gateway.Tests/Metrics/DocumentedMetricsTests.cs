using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Metrics;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Metrics;

public sealed class DocumentedMetricsTests
{
    [Fact]
    public async Task The_tables_say_what_is_measured()
    {
        Dictionary<string, (string Type, string Unit, string[] Labels)> documented = ReadTables();
        ConcurrentDictionary<string, Instrument> instruments = [];
        ConcurrentDictionary<string, ConcurrentDictionary<string, byte>> labels = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, self) =>
            {
                // Tests of the exporter have meters of the same names, with instruments that begin so.
                if (!instrument.Meter.Name.StartsWith("AgentRollout.", StringComparison.Ordinal) || instrument.Name.StartsWith("t.", StringComparison.Ordinal))
                    return;
                instruments[instrument.Name] = instrument;
                self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Keep(instrument, tags));
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Keep(instrument, tags));
        RuntimeHelpers.RunClassConstructor(typeof(WeightTelemetry).TypeHandle);
        listener.Start();

        await PlayAsync(listener);

        Assert.Equal(documented.Keys.Order(), instruments.Keys.Order());
        Assert.All(instruments.Values, instrument => Assert.Equal(
            (instrument.Name, documented[instrument.Name].Type, documented[instrument.Name].Unit),
            (instrument.Name, new MetricFamily(instrument).Kind.ToString().ToLowerInvariant(), instrument.Unit ?? "")));
        Assert.All(labels, metric => Assert.Empty(metric.Value.Keys.Except(documented[metric.Key].Labels)));
        // What the rollouts of this test certainly measure has all of its labels, errors aside.
        Assert.All(
            documented.Where(metric => metric.Key.StartsWith("gen_ai.", StringComparison.Ordinal)),
            metric => Assert.Empty(metric.Value.Labels.Except(labels[metric.Key].Keys).Except(["error.type"])));

        void Keep(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            ConcurrentDictionary<string, byte> known = labels.GetOrAdd(instrument.Name, _ => []);
            foreach ((string name, _) in tags)
                known[name] = 0;
        }
    }

    private static async Task PlayAsync(MeterListener listener)
    {
        await using LoadedModel model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        await using TestGateway gateway = await TestGateway.StartAsync(model.Policy, services => services
            .AddRolloutParts(_ => AgentRollout.Environments.Builtin.Lookup.LookupFacts.OpenIndex())
            .AddSingleton(provider => new SandboxPool(new NoRuntime(), new SandboxPoolOptions(), TimeProvider.System, NullLogger<SandboxPool>.Instance)));
        await using RoutedModel routed = RoutedModel.Load(ModelFolder.Find(null), new RoutingSettings(), NullLoggerFactory.Instance);
        await using TestGateway router = await TestGateway.StartAsync(routed.Policy, services => services.AddRolloutParts(_ => AgentRollout.Environments.Builtin.Lookup.LookupFacts.OpenIndex()));
        string id = await gateway.AcceptAsync("""{"environment":"arithmetic","task_set":{"offset":0,"count":2},"samples_per_task":2}""");
        await gateway.WaitForAsync(id, "completed");
        listener.RecordObservableInstruments();
    }

    private static Dictionary<string, (string Type, string Unit, string[] Labels)> ReadTables() => File
        .ReadLines(SharedFiles.InRepository("docs", "observability.md"))
        .Where(line => line.StartsWith("| `gen_ai.", StringComparison.Ordinal) || line.StartsWith("| `agentrollout.", StringComparison.Ordinal))
        .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1])
        .Where(cells => cells.Length == 5)
        .ToDictionary(
            cells => cells[0].Trim('`'),
            cells => (cells[1], cells[2].Trim('`'), cells[3].Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(label => label.Trim('`')).ToArray()));

    private sealed class NoRuntime : ISandboxRuntime
    {
        public string Name => "none";

        public Task<ISandbox> StartAsync(SandboxOptions options, string? label, CancellationToken cancellationToken) => throw new SandboxException("No runtime.");

        public Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
