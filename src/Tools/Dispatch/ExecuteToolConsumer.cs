using System.Text.Json;
using AgentRollout.Tools.Contracts;
using MassTransit;

namespace AgentRollout.Tools.Dispatch;

/// <summary>The worker's end of the bus: runs what <see cref="ExecuteTool"/> asks for and answers once per message.</summary>
internal sealed class ExecuteToolConsumer(ToolRunner runner) : IConsumer<ExecuteTool>, IConsumer<CancelTool>, IConsumer<TrajectoryEnded>, IDisposable
{
    /// <summary>Dispatches that ended, and cancellations that overtook the message that they cancel.</summary>
    private const int RememberedDispatches = 4_096;

    private readonly CallMemory<Guid, CancellationTokenSource> _dispatches = new(RememberedDispatches);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Cancels the running tools, so that a bus that stops need not wait for them; their calls get no answer from here.</summary>
    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();

    public async Task Consume(ConsumeContext<ExecuteTool> context)
    {
        ExecuteTool message = context.Message;
        var source = new CancellationTokenSource();
        CancellationTokenSource cancel = _dispatches.FindOrAdd(message.DispatchId, source) ?? source;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel.Token, _stopping.Token, context.CancellationToken);
        try
        {
            ToolResult result = await runner.RunAsync(
                new ToolInvocation(message.CallId, message.TrajectoryId, message.ToolName, JsonElement.Parse(message.ArgumentsJson))
                {
                    FairnessKey = message.FairnessKey,
                    TaskArguments = message.TaskArgumentsJson is { } json ? JsonElement.Parse(json) : null,
                    ResultLimit = message.ResultLimit,
                },
                new CallClock(message.DispatchedAt, message.Deadline - message.DispatchedAt),
                either.Token);
            await context.RespondAsync(new ToolExecuted(message.DispatchId, result));
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested || _stopping.IsCancellationRequested)
        {
            // Nobody waits for an answer, or the caller's end of the bus gives it.
        }
        finally
        {
            _dispatches.End(message.DispatchId, cancel);
        }
    }

    public Task Consume(ConsumeContext<TrajectoryEnded> context) => runner.EndTrajectoryAsync(context.Message.TrajectoryId).AsTask();

    public Task Consume(ConsumeContext<CancelTool> context)
    {
        Guid dispatchId = context.Message.DispatchId;
        var source = new CancellationTokenSource();
        if (_dispatches.FindOrAdd(dispatchId, source) is { } running)
            return running.CancelAsync();
        _dispatches.End(dispatchId, source);
        return source.CancelAsync();
    }
}
