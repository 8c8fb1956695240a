using AgentRollout.Tools.Contracts;
using MassTransit;
using MassTransit.Logging;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// The topology of the bus, and the only place that names a transport. Workers compete for calls on one queue per tool group; calls of a trajectory
/// whose state a worker keeps, cancellations and ends of trajectories go to queues of each worker, answers to the bus address of the caller. The bus is
/// made without MassTransit's container registration, which would add a hosted service, health checks and usage reports.
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

    /// <summary>How long the queues of a caller or a worker that is gone are kept.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    /// <summary>How soon a connection that says nothing is found out.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    /// <summary>The queue from which workers in this process take <see cref="ExecuteTool"/>.</summary>
    public static Uri Calls { get; } = new($"queue:{CallsQueue}");

    /// <summary>Where callers send the calls of a group: its exchange, since a queue's address would declare a classic queue.</summary>
    public static Uri CallsOf(string group) => new($"exchange:{QueueOf(group)}");

    /// <summary>Where callers send the calls of trajectories whose state a worker keeps.</summary>
    public static Uri CallsOfWorker(string worker) => new($"exchange:{QueueOfWorker(worker)}");

    /// <summary>The bus of a caller and its worker in one process.</summary>
    public static IBusControl CreateInMemory(ExecuteToolConsumer worker, ToolOptions options, ILoggerFactory loggers)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingInMemory(bus =>
        {
            bus.ReceiveEndpoint(CallsQueue, endpoint =>
            {
                endpoint.PrefetchCount = Math.Max(MinPrefetch, options.MaxConcurrentCalls);
                endpoint.Handler<ExecuteTool>(worker.RunAndRespondAsync);
            });
            bus.ReceiveEndpoint($"{CallsQueue}-notices-{Guid.NewGuid():N}", endpoint => AddNotices(endpoint, worker));
        });
    }

    /// <summary>
    /// A caller's bus over RabbitMQ. Its answers lie in a durable queue, so that they survive a restart of the broker. Not in a quorum queue: one that was
    /// declared a moment before its broker is killed may never find its leader again (seen with RabbitMQ 3.10), and this one is as young as its caller.
    /// </summary>
    public static IBusControl CreateCaller(string name, ToolBusOptions options, WorkerRoster roster, ILoggerFactory loggers)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            UseBroker(bus, options.Broker);
            bus.OverrideDefaultBusEndpointQueueName($"{CallsQueue}-answers-{name}");
            bus.Durable = true;
            bus.AutoDelete = false;
            bus.QueueExpiration = Kept;
            bus.PrefetchCount = MinPrefetch;
            bus.ReceiveEndpoint($"{CallsQueue}-workers-{Guid.NewGuid():N}", endpoint =>
            {
                endpoint.Durable = false;
                endpoint.AutoDelete = true;
                endpoint.Handler<WorkerAlive>(context =>
                {
                    roster.Heard(context.Message);
                    return Task.CompletedTask;
                });
            });
        });
    }

    /// <summary>A worker's bus over RabbitMQ, for the calls of some groups and those of the trajectories whose state it keeps.</summary>
    public static IBusControl CreateWorker(ToolWorker worker, ToolBusOptions options, ILoggerFactory loggers, CancellationToken broken)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        return Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            UseBroker(bus, options.Broker);
            foreach (string group in worker.Groups)
            {
                AddCalls(bus, group, options.SettingsOf(group), endpoint =>
                    endpoint.Handler<ExecuteTool>(context => worker.TakeAsync(context, isOwn: false, broken)));
            }

            AddOwnQueue(bus, QueueOfWorker(worker.Name), endpoint =>
            {
                endpoint.ConfigureConsumeTopology = false;
                endpoint.PrefetchCount = MinPrefetch;
                endpoint.Handler<ExecuteTool>(context => worker.TakeAsync(context, isOwn: true, broken));
            });
            // Apart from the calls, which may fill what is in hand at once.
            AddOwnQueue(bus, $"{QueueOfWorker(worker.Name)}-notices", endpoint => AddNotices(endpoint, worker.Consumer));
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
                AddCalls(bus, group, options.SettingsOf(group), addHandlers: _ => { });
        });
        await bus.StartAsync(cancellationToken);
        await bus.StopAsync(cancellationToken);
    }

    public static int PortOf(Uri broker) => broker.Port > 0 ? broker.Port : broker.Scheme == "amqps" ? 5671 : 5672;

    private static void AddCalls(IRabbitMqBusFactoryConfigurator bus, string group, ToolBusGroup settings, Action<IReceiveEndpointConfigurator> addHandlers) =>
        bus.ReceiveEndpoint(QueueOf(group), endpoint =>
        {
            endpoint.ConfigureConsumeTopology = false;
            endpoint.SetQuorumQueue();
            endpoint.SetQueueArgument("x-delivery-limit", DeliveryLimit);
            endpoint.BindDeadLetterQueue($"{QueueOf(group)}-dead", $"{QueueOf(group)}-dead", dead => dead.SetQuorumQueue());
            endpoint.PrefetchCount = settings.Prefetch;
            addHandlers(endpoint);
        });

    /// <summary>A worker's own queue, which survives the broker and, for a while, the worker. Durable and no quorum queue, as answers are.</summary>
    private static void AddOwnQueue(IRabbitMqBusFactoryConfigurator bus, string queue, Action<IRabbitMqReceiveEndpointConfigurator> configure) =>
        bus.ReceiveEndpoint(queue, endpoint =>
        {
            endpoint.QueueExpiration = Kept;
            configure(endpoint);
        });

    private static void AddNotices(IReceiveEndpointConfigurator endpoint, ExecuteToolConsumer worker)
    {
        endpoint.Handler<CancelTool>(worker.CancelAsync);
        endpoint.Handler<TrajectoryEnded>(worker.EndTrajectoryAsync);
    }

    private static string QueueOfWorker(string worker) => $"{CallsQueue}-worker-{worker}";

    private static string QueueOf(string group) => $"{CallsQueue}-{group}";

    private static void UseBroker(IRabbitMqBusFactoryConfigurator bus, Uri broker)
    {
        string[] user = broker.UserInfo.Split(':', 2);
        string vhost = Uri.UnescapeDataString(broker.AbsolutePath.TrimStart('/'));
        bus.Host(broker.Host, (ushort)PortOf(broker), vhost is "" ? "/" : vhost, host =>
        {
            host.Heartbeat(Heartbeat);
            host.RequestedConnectionTimeout(Heartbeat);
            if (user is [var name, var password])
            {
                host.Username(Uri.UnescapeDataString(name));
                host.Password(Uri.UnescapeDataString(password));
            }

            if (broker.Scheme == "amqps")
                host.UseSsl();
        });
    }
}
