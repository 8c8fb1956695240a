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
internal sealed class BusToolRoute(IBusControl bus, ExecuteToolConsumer worker, TimeProvider time, ILogger<BusToolRoute> logger)
    : IToolRoute, IHostedService
{
    /// <summary>
    /// A worker that has the call answers by its deadline; this is what the way back may take on top. After that the call waits in a queue
    /// or was lost, and the caller ends it.
    /// </summary>
    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Waiter> _waiting = [];
    private ISendEndpoint? _workers;
    private volatile bool _stopped;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        bus.ConnectHandler<ToolExecuted>(Answered);
        bus.ConnectHandler<Fault<ExecuteTool>>(Faulted);
        await bus.StartAsync(cancellationToken);
        _workers = await bus.GetSendEndpoint(ToolBus.Calls);
        Log.BusStarted(logger, bus.Address, time.GetElapsedTime(started).TotalMilliseconds);
    }

    /// <summary>Cancels the tools that still run; their calls end as undeliverable.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _stopped = true;
        _workers = null;
        await worker.StopAsync();
        await bus.StopAsync(cancellationToken);
        foreach (Waiter waiter in _waiting.Values)
            waiter.Answer.TrySetResult(Undeliverable(waiter, "the bus stopped"));
    }

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        var waiter = new Waiter(invocation.ToolName, clock, new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (_stopped)
            return Undeliverable(waiter, "the bus stopped");
        ISendEndpoint workers = _workers ?? throw new InvalidOperationException("The tool bus is not running.");
        ExecuteTool message = MessageFor(invocation, clock);
        _waiting[message.DispatchId] = waiter;
        try
        {
            await workers.Send(message, send => send.ResponseAddress = bus.Address, cancellationToken);
            return await waiter.Answer.Task.WaitAsync(clock.Remaining(time) + AnswerGrace, time, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = CancelAtWorkersAsync(message);
            throw;
        }
        catch (TimeoutException)
        {
            Log.NoAnswer(logger, invocation.ToolName, invocation.CallId);
            _ = CancelAtWorkersAsync(message);
            return ToolRunner.TimedOut(invocation, clock, clock.Elapsed(time), run: TimeSpan.Zero, attempts: 0);
        }
        catch (Exception error)
        {
            Log.SendFailed(logger, invocation.ToolName, invocation.CallId, error);
            return Undeliverable(waiter, "the bus refused it");
        }
        finally
        {
            _waiting.TryRemove(message.DispatchId, out _);
        }
    }

    /// <inheritdoc/>
    public async ValueTask EndTrajectoryAsync(string trajectoryId)
    {
        // Workers that stop let go of everything by themselves.
        if (_workers is null)
            return;
        try
        {
            await bus.Publish(new TrajectoryEnded(trajectoryId), CancellationToken.None);
        }
        catch (Exception error)
        {
            Log.EndNotAnnounced(logger, trajectoryId, error);
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

    private async Task CancelAtWorkersAsync(ExecuteTool message)
    {
        try
        {
            await bus.Publish(new CancelTool(message.DispatchId), CancellationToken.None);
        }
        catch (Exception error)
        {
            Log.CancelFailed(logger, message.ToolName, message.CallId, error);
        }
    }

    private Task Answered(ConsumeContext<ToolExecuted> context)
    {
        // A second answer to one dispatch, or one that its caller gave up, finds nobody waiting.
        if (!_waiting.TryGetValue(context.Message.DispatchId, out Waiter? waiter) || !waiter.Answer.TrySetResult(context.Message.Result))
            Log.AnswerUnwanted(logger, context.Message.DispatchId);
        return Task.CompletedTask;
    }

    private Task Faulted(ConsumeContext<Fault<ExecuteTool>> context)
    {
        string reason = context.Message.Exceptions is [var first, ..] ? first.Message : "it gave no reason";
        if (_waiting.TryGetValue(context.Message.Message.DispatchId, out Waiter? waiter))
            waiter.Answer.TrySetResult(Undeliverable(waiter, $"its worker failed: {reason}"));
        return Task.CompletedTask;
    }

    private ToolResult Undeliverable(Waiter waiter, string reason) => new(
        $"The call of tool '{waiter.ToolName}' was lost: {reason.TrimEnd('.')}.", ToolFailure.Undeliverable, waiter.Clock.Elapsed(time), TimeSpan.Zero, Attempts: 0);

    private sealed record Waiter(string ToolName, CallClock Clock, TaskCompletionSource<ToolResult> Answer);
}
