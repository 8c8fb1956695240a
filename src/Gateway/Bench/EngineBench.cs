using System.Diagnostics;
using AgentRollout.RolloutEngine.Measurement;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>Measures the embedded engine on a model, beside what the machine can do at best.</summary>
internal sealed class EngineBench
{
    private readonly EngineBenchOptions _options;
    private readonly MeasuredEngine _engine;
    private readonly int _threads;
    private readonly double _bandwidth;
    private readonly double _rate;
    private readonly TimeSpan _readTime;
    private readonly TimeSpan _loadTime;

    private EngineBench(EngineBenchOptions options)
    {
        _options = options;
        _threads = options.Engine.Threads > 0 ? options.Engine.Threads : Environment.ProcessorCount;
        (_bandwidth, _rate) = (MachineProbe.ReadBandwidth(_threads), MachineProbe.MultiplyAddRate(_threads));
        _readTime = MachineProbe.ReadTime(options.Model);
        long started = Stopwatch.GetTimestamp();
        _engine = MeasuredEngine.Load(options.Model, options.Engine, NullLoggerFactory.Instance);
        _loadTime = Stopwatch.GetElapsedTime(started);
    }

    public static async Task<EngineReport> RunAsync(EngineBenchOptions options)
    {
        EngineBench bench = new(options);
        await using (bench._engine)
        {
            return options.Scenario switch
            {
                EngineScenario.Decode => bench.Decode(),
                EngineScenario.Prefill => bench.Prefill(),
                EngineScenario.Mixed => await bench.MixedAsync(),
                _ => await bench.GroupsAsync(),
            };
        }
    }

    private EngineReport Decode()
    {
        StepMeasurement measured = _engine.Decode(_options.Batch, _options.Context, _options.Steps);
        double[] steps = [.. measured.Steps.Select(step => step.Elapsed.TotalSeconds).Order()];
        return Report(measured, _options.Batch / Quantile(steps, 0.5), (long)_options.Batch * _options.Steps);
    }

    private EngineReport Prefill()
    {
        _engine.Prefill(_options.Context, salt: 0);
        StepMeasurement[] prompts = [.. Enumerable.Range(1, _options.Steps).Select(salt => _engine.Prefill(_options.Context, salt))];
        double[] seconds = [.. prompts.Select(prompt => prompt.Steps.Sum(step => step.Elapsed.TotalSeconds)).Order()];
        StepMeasurement all = new(
            [.. prompts.SelectMany(prompt => prompt.Steps)],
            TimeSpan.FromSeconds(seconds.Sum()),
            TimeSpan.FromSeconds(prompts.Sum(prompt => prompt.ProcessorTime.TotalSeconds)));
        return Report(all, _options.Context / Quantile(seconds, 0.5), (long)_options.Context * _options.Steps);
    }

    private async Task<EngineReport> GroupsAsync()
    {
        LoadClient client = new(_engine.Engine);
        long sampled = 0;
        StepMeasurement measured = await _engine.MeasureAsync(async () => sampled = await EngineLoads.GroupsAsync(client, _options.Groups));
        return WithRequests(Report(measured, sampled / measured.Wall.TotalSeconds, sampled), measured, client, client);
    }

    private async Task<EngineReport> MixedAsync()
    {
        LoadClient client = new(_engine.Engine), late = new(_engine.Engine);
        long sampled = 0;
        StepMeasurement measured = await _engine.MeasureAsync(
            async () => sampled = await EngineLoads.MixedAsync(client, late, _options.Batch, _options.Context, _options.Steps));
        return WithRequests(Report(measured, sampled / measured.Wall.TotalSeconds, sampled), measured, client, late);
    }

    private EngineReport Report(StepMeasurement measured, double tokensPerSecond, long tokens)
    {
        double[] steps = [.. measured.Steps.Select(step => step.Elapsed.TotalMilliseconds).Order()];
        double seconds = steps.Sum() / 1e3;
        return new EngineReport
        {
            Model = _options.Model,
            Scenario = _options.Scenario,
            Path = _engine.Engine.ComputePath,
            Threads = _threads,
            Tokens = tokens,
            Seconds = Round(measured.Wall.TotalSeconds),
            TokensPerSecond = Round(tokensPerSecond),
            TokensPerProcessorSecond = Round(tokens / measured.ProcessorTime.TotalSeconds),
            Steps = steps.Length,
            StepMs = new EngineReport.Times(Round(Quantile(steps, 0.5)), Round(Quantile(steps, 0.99))),
            ShareOfDram = Round(measured.Steps.Sum(step => step.Bytes) / seconds / _bandwidth),
            ShareOfFma = Round(measured.Steps.Sum(step => step.Operations) / seconds / _rate),
            DramGbPerS = Round(_bandwidth / 1e9),
            FmaGflops = Round(_rate / 1e9),
            ShareOfSampling = Round(measured.Steps.Sum(step => step.Sampling.TotalSeconds) / seconds),
            ReadSeconds = Round(_readTime.TotalSeconds),
            LoadSeconds = Round(_loadTime.TotalSeconds),
        };
    }

    /// <param name="firstTokens">Whose first tokens are reported.</param>
    private EngineReport WithRequests(EngineReport report, StepMeasurement measured, LoadClient client, LoadClient firstTokens)
    {
        double[] gaps = client.Gaps, first = firstTokens.FirstTokens;
        return report with
        {
            PrefillTokens = measured.Steps.Sum(step => (long)step.Tokens) - measured.Steps.Sum(step => (long)step.Outputs),
            PrefixHitTokens = _engine.Engine.Statistics.PrefixHitTokens,
            InterTokenGapMs = new EngineReport.Times(Round(Quantile(gaps, 0.5)), Round(Quantile(gaps, 0.99))),
            FirstTokenMs = new EngineReport.Times(Round(Quantile(first, 0.5)), Round(Quantile(first, 0.99))),
            ShareBetweenSteps = Round(measured.Steps.Sum(step => step.Between.TotalSeconds) / measured.Wall.TotalSeconds),
        };
    }

    /// <summary>The value that this share of the sorted values does not exceed.</summary>
    private static double Quantile(double[] sorted, double share) => sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];

    private static double Round(double value) => Math.Round(value, 4);
}
