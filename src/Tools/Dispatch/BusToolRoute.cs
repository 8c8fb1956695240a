using System.Collections.Concurrent;
using System.Text.Json;
using AgentRollout.Tools.Contracts;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// Sends calls over the bus and waits for their answers. A host starts and stops it; without a host, call <see cref="StartAsync"/> once
/// before the first call. Before that a call throws; after it stopped a call ends as undeliverable.
/// </summary>
/// <param name="link">The caller's end of the bus.</param>
/// <param name="worker">The worker at the other end where that is in this process.</param>
internal sealed class BusToolRoute(BusLink link, ExecuteToolConsumer? worker, TimeProvider time, ILogger<BusToolRoute> logger)
    : IToolRoute, IHostedService, IDisposable
{
    /// <summary>
    /// A worker that has the call answers by its deadline; this is what the way back may take on top. After that the call waits in a queue
    /// or was lost, and the caller ends it.
    /// </summary>
    public static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(1);

    /// <summary>What the broker still has after an outage is delivered again within this time, so that few calls are sent twice.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);

    /// <summary>How long the end of a trajectory waits for the broker; after that it is announced in the background.</summary>
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Waiter> _waiting = [];
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _running;

    /// <summary>Told when the broker went away (false) and when it came back (true).</summary>
    public Action<bool>? LinkChanged { get; init; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        await link.StartAsync(Listen, Changed, cancellationToken);
        _running = true;
        Log.BusStarted(logger, link.Address, time.GetElapsedTime(started).TotalMilliseconds);
    }

    /// <summary>Ends the calls that wait, and cancels the tools that run in this process.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (worker is not null)
            await worker.StopAsync();
        await link.StopAsync(cancellationToken);
        foreach (Waiter waiter in _waiting.Values)
            waiter.Answer.TrySetResult(Undeliverable(waiter.Message, "the bus stopped"));
    }

    public void Dispose() => _stopping.Dispose();

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken) =>
        (await AskAsync(invocation, ToolBus.Calls, clock, cancellationToken)).Result;

    /// <summary>The same, to an address of one's own choice. The answer says who gave it.</summary>
    public async Task<ToolExecuted> AskAsync(ToolInvocation invocation, Uri address, CallClock clock, CancellationToken cancellationToken)
    {
        ExecuteTool message = MessageFor(invocation, clock);
        if (_stopping.IsCancellationRequested)
            return Undeliverable(message, "the bus stopped");
        if (!_running)
            throw new InvalidOperationException("The tool bus is not running.");
        using var limit = new CancellationTokenSource(clock.Remaining(time) + AnswerGrace, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var waiter = new Waiter(message, address, new(TaskCreationOptions.RunContinuationsAsynchronously), end.Token);
        _waiting[message.DispatchId] = waiter;
        Task sending = SendAsync(waiter);
        try
        {
            return await waiter.Answer.Task.WaitAsync(end.Token);
        }
        catch (OperationCanceledException)
        {
            _ = PublishAsync(new CancelTool(message.DispatchId));
            cancellationToken.ThrowIfCancellationRequested();
            Log.NoAnswer(logger, invocation.ToolName, invocation.CallId);
            return new ToolExecuted(message.DispatchId, ToolRunner.TimedOut(invocation, clock, clock.Elapsed(time), run: TimeSpan.Zero, attempts: 0));
        }
        finally
        {
            _waiting.TryRemove(message.DispatchId, out _);
            await end.CancelAsync();
            await sending;
        }
    }

    /// <inheritdoc/>
    public async ValueTask EndTrajectoryAsync(string trajectoryId)
    {
        // Workers that stop let go of everything by themselves.
        if (!_running || _stopping.IsCancellationRequested)
            return;
        await PublishAsync(new TrajectoryEnded(trajectoryId)).WaitAsync(EndPatience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Listen(IBusControl bus)
    {
        bus.ConnectHandler<ToolExecuted>(Answered);
        bus.ConnectHandler<Fault<ExecuteTool>>(Faulted);
    }

    /// <summary>
    /// What had no answer when the broker went away is sent once more under the same ids: a queue that was declared a moment before may have lost it.
    /// Whoever has run the call answers with its first result.
    /// </summary>
    private void Changed(bool up)
    {
        LinkChanged?.Invoke(up);
        if (!up)
            return;
        foreach (Waiter waiter in _waiting.Values)
            _ = AskAgainAsync(waiter);
    }

    private async Task AskAgainAsync(Waiter waiter)
    {
        await Task.Delay(AskAgainAfter, time, waiter.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await SendAsync(waiter);
    }

    private async Task SendAsync(Waiter waiter)
    {
        try
        {
            await link.SendAsync(waiter.Address, waiter.Message, link.Address, waiter.Ended);
        }
        catch (OperationCanceledException)
        {
            // Answered or given up.
        }
        catch (Exception error)
        {
            waiter.Answer.TrySetResult(Undeliverable(waiter.Message, error.Message));
        }
    }

    private async Task PublishAsync<T>(T message)
        where T : class
    {
        try
        {
            await link.PublishAsync(message, _stopping.Token);
        }
        catch (Exception error)
        {
            Log.NotAnnounced(logger, typeof(T).Name, error.Message);
        }
    }

    private static ExecuteTool MessageFor(ToolInvocation invocation, CallClock clock) => new(
        Guid.CreateVersion7(clock.DispatchedAt),
        invocation.CallId,
        invocation.TrajectoryId,
        invocation.ToolName,
        invocation.Arguments.ValueKind == JsonValueKind.Undefined ? "null" : invocation.Arguments.GetRawText(),
        clock.DispatchedAt,
        clock.Deadline)
    {
        FairnessKey = invocation.FairnessKey,
        TaskArgumentsJson = invocation.TaskArguments?.GetRawText(),
        ResultLimit = invocation.ResultLimit,
    };

    private Task Answered(ConsumeContext<ToolExecuted> context)
    {
        // A second answer to one dispatch, or one that its caller gave up, finds nobody waiting.
        if (!_waiting.TryGetValue(context.Message.DispatchId, out Waiter? waiter) || !waiter.Answer.TrySetResult(context.Message))
        {
            ToolTelemetry.CountDroppedAnswer();
            Log.AnswerDropped(logger, context.Message.DispatchId);
        }

        return Task.CompletedTask;
    }

    private Task Faulted(ConsumeContext<Fault<ExecuteTool>> context)
    {
        string reason = context.Message.Exceptions is [var first, ..] ? first.Message : "it gave no reason";
        if (_waiting.TryGetValue(context.Message.Message.DispatchId, out Waiter? waiter))
            waiter.Answer.TrySetResult(Undeliverable(waiter.Message, $"its worker failed: {reason}"));
        return Task.CompletedTask;
    }

    private ToolExecuted Undeliverable(ExecuteTool call, string reason) => new(call.DispatchId, new ToolResult(
        $"The call of tool '{call.ToolName}' was lost: {reason.TrimEnd('.')}.",
        ToolFailure.Undeliverable,
        new CallClock(call.DispatchedAt, call.Deadline - call.DispatchedAt).Elapsed(time),
        TimeSpan.Zero,
        Attempts: 0));

    /// <summary>A call that has no answer yet.</summary>
    private sealed record Waiter(ExecuteTool Message, Uri Address, TaskCompletionSource<ToolExecuted> Answer, CancellationToken Ended);
}
