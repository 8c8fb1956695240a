using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AgentRollout.Tools;

/// <summary>The measurements of this project, under the meter <c>AgentRollout.Tools</c>.</summary>
internal static class ToolTelemetry
{
    private static readonly Meter Meter = new("AgentRollout.Tools");
    private static readonly Histogram<double> Run = Meter.CreateHistogram<double>("agentrollout.tools.run", "ms", "Time inside a tool.");
    private static readonly Histogram<double> Queue = Meter.CreateHistogram<double>("agentrollout.tools.queue", "ms", "Time between dispatch and start.");

    private static readonly Counter<long> DroppedAnswers = Meter.CreateCounter<long>(
        "agentrollout.tools.answers_dropped", "{answer}", "Late and second answers.");

    private static readonly Counter<long> Redeliveries = Meter.CreateCounter<long>(
        "agentrollout.tools.redeliveries", "{call}", "Calls that the broker delivered again.");

    public static void CountDroppedAnswer() => DroppedAnswers.Add(1);

    public static void CountRedelivery() => Redeliveries.Add(1);

    public static void Record(ToolInvocation invocation, ToolResult result)
    {
        var tags = new TagList
        {
            // What a model invents must not become a label of its own.
            { "tool", result.Failure == ToolFailure.UnknownTool ? "(unknown)" : invocation.ToolName },
            { "outcome", result.Failure?.ToString() ?? "Answered" },
        };
        Queue.Record(result.Queue.TotalMilliseconds, tags);
        Run.Record(result.Run.TotalMilliseconds, tags);
    }
}
