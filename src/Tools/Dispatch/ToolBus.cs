using AgentRollout.Tools.Contracts;
using MassTransit;
using MassTransit.Logging;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// The topology of the bus, and the only place that names a transport. Workers compete for calls on one queue; cancellations and ends of trajectories
/// go to a queue of each worker, answers to the bus address of the caller. The bus is made without MassTransit's container registration, which would add a hosted
/// service, health checks and usage reports.
/// </summary>
internal static class ToolBus
{
    /// <summary>The queue from which all workers take <see cref="ExecuteTool"/>.</summary>
    public static readonly Uri Calls = new($"queue:{CallsQueue}");

    private const string CallsQueue = "agentrollout-tools";

    /// <summary>
    /// Messages in hand at once, at least. <see cref="ToolRunner"/> bounds what runs; calls beyond that should be in hand too, so that it can
    /// time them out. Not more, because the in-memory transport slows down in proportion.
    /// </summary>
    private const int MinPrefetch = 256;

    public static IBusControl CreateInMemory(ExecuteToolConsumer worker, ToolOptions options, ILoggerFactory loggers)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingInMemory(bus =>
        {
            bus.ReceiveEndpoint(CallsQueue, endpoint =>
            {
                endpoint.PrefetchCount = Math.Max(MinPrefetch, options.MaxConcurrentCalls);
                endpoint.Handler<ExecuteTool>(worker.Consume);
            });
            bus.ReceiveEndpoint($"{CallsQueue}-cancel-{Guid.NewGuid():N}", endpoint =>
            {
                endpoint.Handler<CancelTool>(worker.Consume);
                endpoint.Handler<TrajectoryEnded>(worker.Consume);
            });
        });
    }
}
