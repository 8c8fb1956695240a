using System.Net.Sockets;
using System.Runtime.Serialization;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// A process's end of the bus. Over a broker the whole bus is made anew when its connection breaks: MassTransit alone may leave sends that were on
/// their way without an end, and waits longer from attempt to attempt. A message is sent until the broker has confirmed it, so it may arrive twice,
/// and carries an id by which its receiver knows it.
/// </summary>
/// <param name="create">Makes a bus; the token says that its connection broke.</param>
/// <param name="options">The broker, and the queues to declare there; null for the bus in memory, which does not break.</param>
internal sealed class BusLink(Func<CancellationToken, IBusControl> create, ToolBusOptions? options, TimeProvider time, ILogger<BusLink> logger)
    : IDisposable
{
    /// <summary>How long the first connection may take.</summary>
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(1);

    /// <summary>How long one attempt to connect may take once the broker listens.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(30);

    /// <summary>A connection on which a message is not confirmed for this long counts as broken.</summary>
    private static readonly TimeSpan ConfirmTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource _stopping = new();
    private volatile TaskCompletionSource<Connection> _connected = NewConnected();
    private Action<IBusControl> _attach = _ => { };
    private Action<bool> _changed = _ => { };
    private Task _keeping = Task.CompletedTask;

    /// <summary>The address of the bus, where answers come; of the same queue for every connection.</summary>
    public Uri Address { get; private set; } = new("about:blank");

    /// <summary>Whether there is a connection that works.</summary>
    public bool IsUp => _connected.Task is { IsCompletedSuccessfully: true, Result: { } current } && IsWorking(current);

    /// <summary>Connects, and stays connected.</summary>
    /// <param name="attach">Called with each bus before it starts.</param>
    /// <param name="changed">Told false when the connection broke, and true when there is another.</param>
    /// <param name="cancellationToken">Ends the first attempt.</param>
    /// <exception cref="ToolException">The broker could not be reached in time.</exception>
    public async Task StartAsync(Action<IBusControl> attach, Action<bool> changed, CancellationToken cancellationToken)
    {
        (_attach, _changed) = (attach, changed);
        using var limit = new CancellationTokenSource(StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await ConnectAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"The broker at {options?.Broker.Authority} did not answer within {StartTimeout.TotalSeconds:0} s.");
        }

        if (options is not null)
            _keeping = KeepAsync();
    }

    /// <summary>Stops taking messages, waits for those in hand, and leaves.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _keeping;
        if (_connected.Task.IsCompletedSuccessfully)
            await _connected.Task.Result.Bus.StopAsync(cancellationToken);
    }

    /// <summary>Sends until the broker has confirmed, over outages.</summary>
    /// <exception cref="OperationCanceledException">The attempts were ended, and the message may or may not have arrived.</exception>
    /// <exception cref="SerializationException">The message cannot be written.</exception>
    public Task SendAsync<T>(Uri address, T message, Uri? answerTo, CancellationToken cancellationToken)
        where T : class => UntilConfirmedAsync(async bus =>
        {
            ISendEndpoint endpoint = await bus.GetSendEndpoint(address);
            await endpoint.Send(message, send => send.ResponseAddress = answerTo, cancellationToken);
        }, cancellationToken);

    /// <summary>Sends to whoever listens for messages of this type.</summary>
    /// <inheritdoc cref="SendAsync"/>
    public Task PublishAsync<T>(T message, CancellationToken cancellationToken)
        where T : class => UntilConfirmedAsync(bus => bus.Publish(message, cancellationToken), cancellationToken);

    public void Dispose() => _stopping.Dispose();

    private async Task UntilConfirmedAsync(Func<IBus, Task> send, CancellationToken cancellationToken)
    {
        while (true)
        {
            Connection connection = await _connected.Task.WaitAsync(cancellationToken);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(connection.Broken.Token, cancellationToken);
            try
            {
                await send(connection.Bus).WaitAsync(options is null ? Timeout.InfiniteTimeSpan : ConfirmTimeout, time, either.Token);
                return;
            }
            catch (Exception error) when (options is not null && error is not SerializationException && !cancellationToken.IsCancellationRequested)
            {
                Log.SendFailed(logger, error.Message);
                await connection.Broken.CancelAsync();
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private async Task KeepAsync()
    {
        try
        {
            while (true)
            {
                Connection connection = await _connected.Task;
                while (IsWorking(connection))
                    await Task.Delay(Pause, time, _stopping.Token);
                _connected = NewConnected();
                Log.LinkBroken(logger, options!.Broker.Authority);
                _changed(false);
                _ = AbandonAsync(connection);
                await ConnectAsync(_stopping.Token);
                Log.LinkRestored(logger, options.Broker.Authority);
                _changed(true);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    /// <summary>Tries until there is a connection.</summary>
    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        while (options is not null && !await ListensAsync(options.Broker, cancellationToken))
            await Task.Delay(Pause, time, cancellationToken);
        while (true)
        {
            var connection = new Connection(null!, new CancellationTokenSource());
            connection = connection with { Bus = create(connection.Broken.Token) };
            _attach(connection.Bus);
            using var limit = new CancellationTokenSource(ConnectTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            try
            {
                if (options is not null)
                    await ToolBus.DeclareQueuesAsync(options, either.Token).WaitAsync(either.Token);
                await connection.Bus.StartAsync(either.Token).WaitAsync(either.Token);
                Address = connection.Bus.Address;
                _connected.SetResult(connection);
                return;
            }
            catch (Exception error) when (options is not null)
            {
                _ = AbandonAsync(connection);
                cancellationToken.ThrowIfCancellationRequested();
                Log.ConnectFailed(logger, options.Broker.Authority, error.Message);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>Lets go of a bus whose connection broke, whatever it still tries.</summary>
    private async Task AbandonAsync(Connection connection)
    {
        await connection.Broken.CancelAsync();
        using var limit = new CancellationTokenSource(ConnectTimeout, time);
        await connection.Bus.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task<bool> ListensAsync(Uri broker, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(broker.Host, ToolBus.PortOf(broker), cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static bool IsWorking(Connection connection) =>
        !connection.Broken.IsCancellationRequested && connection.Bus.CheckHealth().Status == BusHealthStatus.Healthy;

    private static TaskCompletionSource<Connection> NewConnected() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A bus, and whether what it is connected by broke.</summary>
    private sealed record Connection(IBusControl Bus, CancellationTokenSource Broken);
}
