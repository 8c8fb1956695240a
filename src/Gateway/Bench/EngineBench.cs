using AgentRollout.RolloutEngine.Measurement;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>Measures the embedded engine on a model, beside what the machine can do at best.</summary>
internal static class EngineBench
{
    public static async Task<EngineReport> RunAsync(EngineBenchOptions options)
    {
        int threads = options.Engine.Threads > 0 ? options.Engine.Threads : Environment.ProcessorCount;
        double bandwidth = MachineProbe.ReadBandwidth(threads), rate = MachineProbe.MultiplyAddRate(threads);
        await using StepBenchmark benchmark = StepBenchmark.Load(options.Model, options.Engine, NullLoggerFactory.Instance);
        StepMeasurement measured = options.Scenario == EngineScenario.Decode
            ? benchmark.Decode(options.Batch, options.Context, options.Steps)
            : benchmark.Prefill(options.Context, options.Steps);
        double seconds = measured.Steps.Sum(step => step.TotalSeconds);
        double[] steps = [.. measured.Steps.Select(step => step.TotalMilliseconds).Order()];
        double[] rounds = [.. measured.Rounds.Select(round => round.TotalSeconds).Order()];
        return new EngineReport
        {
            Model = options.Model,
            Scenario = options.Scenario,
            Path = benchmark.ComputePath,
            Threads = threads,
            Batch = options.Scenario == EngineScenario.Decode ? options.Batch : 1,
            Context = options.Context,
            TokensPerSecond = Round(measured.TokensPerRound / Quantile(rounds, 0.5)),
            TokensPerProcessorSecond = Round((double)measured.TokensPerRound * rounds.Length / measured.ProcessorTime.TotalSeconds),
            StepMs = new EngineReport.StepTimes(Round(Quantile(steps, 0.5)), Round(Quantile(steps, 0.99))),
            ShareOfDram = Round(measured.Bytes / seconds / bandwidth),
            ShareOfFma = Round(measured.Operations / seconds / rate),
            DramGbPerS = Round(bandwidth / 1e9),
            FmaGflops = Round(rate / 1e9),
        };
    }

    /// <summary>The value that this share of the sorted values does not exceed.</summary>
    private static double Quantile(double[] sorted, double share) => sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];

    private static double Round(double value) => Math.Round(value, 4);
}
