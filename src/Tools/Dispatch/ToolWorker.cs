using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>Takes calls of some tool groups from the broker while its host runs.</summary>
internal sealed class ToolWorker(
    ExecuteToolConsumer consumer, ToolBusOptions options, IReadOnlyList<string> groups, ILoggerFactory loggers) : IHostedService
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private readonly ILogger _logger = loggers.CreateLogger<ToolWorker>();
    private readonly IBusControl _bus = ToolBus.CreateWorker(consumer, options, groups, loggers);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await ToolBus.StartAsync(_bus, stop => _bus.StartAsync(stop), StartTimeout, cancellationToken);
        Log.WorkerJoined(_logger, string.Join(", ", groups), options.Broker.Authority);
    }

    /// <summary>Cancels the running tools; the broker gives their calls, which nothing answered, to other workers.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await consumer.StopAsync();
        await _bus.StopAsync(cancellationToken);
    }
}
