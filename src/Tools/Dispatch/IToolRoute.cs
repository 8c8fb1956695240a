namespace AgentRollout.Tools.Dispatch;

/// <summary>Where calls go: to the worker in this process, or to the broker's queues.</summary>
internal interface IToolRoute
{
    /// <summary>Before the bus starts.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>The address for calls of a tool, which need not exist.</summary>
    Uri To(string toolName);

    /// <summary>Before the bus stops.</summary>
    Task CloseAsync();
}

/// <summary>To the worker on the in-memory bus, which stops with its caller.</summary>
internal sealed class LocalRoute(ExecuteToolConsumer worker) : IToolRoute
{
    public Task OpenAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Uri To(string toolName) => ToolBus.Calls;

    public Task CloseAsync() => worker.StopAsync();
}

/// <summary>To the queue of the tool's group.</summary>
internal sealed class BrokerRoute(ToolBusOptions options) : IToolRoute
{
    public Task OpenAsync(CancellationToken cancellationToken) => ToolBus.DeclareQueuesAsync(options, cancellationToken);

    public Uri To(string toolName) => ToolBus.CallsOf(options.GroupOf(toolName));

    public Task CloseAsync() => Task.CompletedTask;
}
