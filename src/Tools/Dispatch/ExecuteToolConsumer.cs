using System.Text.Json;
using AgentRollout.Tools.Contracts;
using MassTransit;

namespace AgentRollout.Tools.Dispatch;

/// <summary>The worker's end of the bus: runs what <see cref="ExecuteTool"/> asks for.</summary>
internal sealed class ExecuteToolConsumer(IToolRoute runner) : IDisposable
{
    /// <summary>Dispatches that ended, and cancellations that overtook the message that they cancel.</summary>
    private const int RememberedDispatches = 4_096;

    private readonly CallMemory<Guid, CancellationTokenSource> _dispatches = new(RememberedDispatches);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Whether the running tools were cancelled.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>Cancels the running tools, so that a bus that stops need not wait for them; their calls get no answer from here.</summary>
    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();

    /// <summary>Runs one call. Null where it was cancelled: nobody waits for an answer, or this worker stops.</summary>
    public async Task<ToolResult?> RunAsync(ExecuteTool message)
    {
        var source = new CancellationTokenSource();
        CancellationTokenSource cancel = _dispatches.FindOrAdd(message.DispatchId, source) ?? source;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel.Token, _stopping.Token);
        try
        {
            return await runner.RunAsync(
                new ToolInvocation(message.CallId, message.TrajectoryId, message.ToolName, JsonElement.Parse(message.ArgumentsJson))
                {
                    FairnessKey = message.FairnessKey,
                    TaskArguments = message.TaskArgumentsJson is { } json ? JsonElement.Parse(json) : null,
                    ResultLimit = message.ResultLimit,
                },
                new CallClock(message.DispatchedAt, message.Deadline - message.DispatchedAt),
                either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            _dispatches.End(message.DispatchId, cancel);
        }
    }

    /// <summary>Runs one call of a caller on the same bus, and answers it.</summary>
    public async Task RunAndRespondAsync(ConsumeContext<ExecuteTool> context)
    {
        if (await RunAsync(context.Message) is { } result)
            await context.RespondAsync(new ToolExecuted(context.Message.DispatchId, result));
    }

    public Task EndTrajectoryAsync(ConsumeContext<TrajectoryEnded> context) => runner.EndTrajectoryAsync(context.Message.TrajectoryId).AsTask();

    public Task CancelAsync(ConsumeContext<CancelTool> context)
    {
        Guid dispatchId = context.Message.DispatchId;
        var source = new CancellationTokenSource();
        if (_dispatches.FindOrAdd(dispatchId, source) is { } running)
            return running.CancelAsync();
        _dispatches.End(dispatchId, source);
        return source.CancelAsync();
    }
}
