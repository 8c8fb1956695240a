using System.Diagnostics.Metrics;

namespace AgentRollout.Gateway.Weights;

/// <summary>Metrics of weight updates.</summary>
internal static class WeightTelemetry
{
    public const string MeterName = "AgentRollout.Weights";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Phases = Meter.CreateHistogram<double>(
        "agentrollout.weights.update.duration", "ms", "Time of a weight update by phase: receive, verify, convert, wait, flush, swap.");

    public static void Record(WeightUpdateReport report)
    {
        Record("receive", report.ReceiveMs);
        Record("verify", report.VerifyMs);
        Record("convert", report.ConvertMs);
        Record("wait", report.WaitMs);
        Record("flush", report.FlushMs);
        Record("swap", report.SwapMs);
    }

    private static void Record(string phase, double milliseconds) => Phases.Record(milliseconds, new KeyValuePair<string, object?>("phase", phase));
}
