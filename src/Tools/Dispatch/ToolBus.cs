using AgentRollout.Tools.Contracts;
using MassTransit;
using MassTransit.Logging;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// The topology of the bus, and the only place that names a transport. Workers compete for calls on one queue per tool group; cancellations and ends of
/// trajectories go to a queue of each worker, answers to the bus address of the caller. The bus is made without MassTransit's container registration, which
/// would add a hosted service, health checks and usage reports.
/// </summary>
internal static class ToolBus
{
    private const string CallsQueue = "agentrollout-tools";

    /// <summary>
    /// Messages in hand at once on the in-memory bus, at least. <see cref="ToolRunner"/> bounds what runs; calls beyond that should be in hand too, so
    /// that it can time them out. Not more, because that transport slows down in proportion.
    /// </summary>
    private const int MinPrefetch = 256;

    /// <summary>How often the broker delivers a call whose workers die of it, before the call goes to the group's dead-letter queue.</summary>
    private const int DeliveryLimit = 5;

    /// <summary>How long the answers of a caller that is gone are kept.</summary>
    private static readonly TimeSpan AnswersKept = TimeSpan.FromMinutes(10);

    /// <summary>The queue from which workers in this process take <see cref="ExecuteTool"/>.</summary>
    public static Uri Calls { get; } = new($"queue:{CallsQueue}");

    /// <summary>Where callers send the calls of a group: its exchange, since a queue's address would declare a classic queue.</summary>
    public static Uri CallsOf(string group) => new($"exchange:{QueueOf(group)}");

    /// <summary>The bus of a caller and its worker in one process.</summary>
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

    /// <summary>A caller's bus over RabbitMQ. Its answers lie in a replicated queue, so that they survive a restart of the broker.</summary>
    public static IBusControl CreateCaller(ToolBusOptions options, ILoggerFactory loggers)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            UseBroker(bus, options.Broker);
            bus.OverrideDefaultBusEndpointQueueName($"{CallsQueue}-answers-{Guid.NewGuid():N}");
            bus.Durable = true;
            bus.AutoDelete = false;
            bus.SetQuorumQueue();
            bus.QueueExpiration = AnswersKept;
            bus.PrefetchCount = MinPrefetch;
        });
    }

    /// <summary>A worker's bus over RabbitMQ, for the calls of some groups.</summary>
    public static IBusControl CreateWorker(ExecuteToolConsumer worker, ToolBusOptions options, IEnumerable<string> groups, ILoggerFactory loggers)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            UseBroker(bus, options.Broker);
            foreach (string group in groups)
                AddCalls(bus, group, options.SettingsOf(group), worker);
            bus.ReceiveEndpoint($"{CallsQueue}-cancel-{Guid.NewGuid():N}", endpoint =>
            {
                endpoint.Durable = false;
                endpoint.AutoDelete = true;
                endpoint.Handler<CancelTool>(worker.Consume);
                endpoint.Handler<TrajectoryEnded>(worker.Consume);
            });
        });
    }

    /// <summary>Declares the queues of all groups, so that calls wait there for workers that start later.</summary>
    public static async Task DeclareQueuesAsync(ToolBusOptions options, CancellationToken cancellationToken)
    {
        IBusControl bus = Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            UseBroker(bus, options.Broker);
            bus.DeployTopologyOnly = true;
            foreach (string group in options.GroupNames)
                AddCalls(bus, group, options.SettingsOf(group), worker: null);
        });
        await bus.StartAsync(cancellationToken);
        await bus.StopAsync(cancellationToken);
    }

    /// <summary>Starts a bus within a time; MassTransit alone would wait for its broker for ever.</summary>
    /// <exception cref="ToolException">The broker did not answer in time.</exception>
    public static async Task StartAsync(IBus bus, Func<CancellationToken, Task> start, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            await start(limit.Token);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"The tool bus at {bus.Address.Scheme}://{bus.Address.Authority} could not be joined within {timeout.TotalSeconds:0} s: {error.Message}", error);
        }
    }

    private static void AddCalls(IRabbitMqBusFactoryConfigurator bus, string group, ToolGroup settings, ExecuteToolConsumer? worker) =>
        bus.ReceiveEndpoint(QueueOf(group), endpoint =>
        {
            endpoint.ConfigureConsumeTopology = false;
            endpoint.SetQuorumQueue();
            endpoint.SetQueueArgument("x-delivery-limit", DeliveryLimit);
            endpoint.BindDeadLetterQueue($"{QueueOf(group)}-dead", $"{QueueOf(group)}-dead", dead => dead.SetQuorumQueue());
            endpoint.PrefetchCount = settings.Prefetch;
            if (settings.CallsPerSecond > 0)
                endpoint.UseRateLimit(settings.CallsPerSecond, TimeSpan.FromSeconds(1));
            if (worker is not null)
                endpoint.Handler<ExecuteTool>(worker.Consume);
        });

    private static string QueueOf(string group) => $"{CallsQueue}-{group}";

    private static void UseBroker(IRabbitMqBusFactoryConfigurator bus, Uri broker)
    {
        bool tls = broker.Scheme == "amqps";
        string[] user = broker.UserInfo.Split(':', 2);
        string vhost = Uri.UnescapeDataString(broker.AbsolutePath.TrimStart('/'));
        ushort port = broker.Port > 0 ? (ushort)broker.Port : (ushort)(tls ? 5671 : 5672);
        bus.Host(broker.Host, port, vhost is "" ? "/" : vhost, host =>
        {
            if (user is [var name, var password])
            {
                host.Username(Uri.UnescapeDataString(name));
                host.Password(Uri.UnescapeDataString(password));
            }

            if (tls)
                host.UseSsl();
        });
    }
}
