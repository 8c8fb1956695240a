using System.Text.Json;
using AgentRollout.Tools.Contracts;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>The worker's end of the bus: runs what <see cref="ExecuteTool"/> asks for and answers once per message.</summary>
/// <param name="handOn">Whether calls that run when it stops go back to their queue, for other workers.</param>
internal sealed class ExecuteToolConsumer(ToolRunner runner, TimeProvider time, ILogger<ExecuteToolConsumer> logger, bool handOn = false)
    : IConsumer<ExecuteTool>, IConsumer<CancelTool>, IConsumer<TrajectoryEnded>, IDisposable
{
    /// <summary>Dispatches that ended, and cancellations that overtook the message that they cancel.</summary>
    private const int RememberedDispatches = 4_096;

    /// <summary>What a broker that is starting again gets between two attempts to answer.</summary>
    private static readonly TimeSpan AnswerPause = TimeSpan.FromMilliseconds(200);

    private readonly CallMemory<Guid, CancellationTokenSource> _dispatches = new(RememberedDispatches);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Cancels the running tools, so that a bus that stops need not wait for them; their calls get no answer from here.</summary>
    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();

    public async Task Consume(ConsumeContext<ExecuteTool> context)
    {
        ExecuteTool message = context.Message;
        if (context.ReceiveContext.Redelivered)
        {
            ToolTelemetry.CountRedelivery();
            Log.CallRedelivered(logger, message.CallId, message.ToolName);
        }

        var source = new CancellationTokenSource();
        CancellationTokenSource cancel = _dispatches.FindOrAdd(message.DispatchId, source) ?? source;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel.Token, _stopping.Token, context.CancellationToken);
        try
        {
            var clock = new CallClock(message.DispatchedAt, message.Deadline - message.DispatchedAt);
            ToolResult result = await runner.RunAsync(
                new ToolInvocation(message.CallId, message.TrajectoryId, message.ToolName, JsonElement.Parse(message.ArgumentsJson)), clock, either.Token);
            await AnswerAsync(context, new ToolExecuted(message.DispatchId, result), clock, either.Token);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested || (_stopping.IsCancellationRequested && !handOn))
        {
            // Nobody waits for an answer, or the caller's end of the bus gives it.
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Sent back as it came, with its answer address, for a worker that goes on.
            await context.Forward(context.ReceiveContext.InputAddress);
        }
        finally
        {
            _dispatches.End(message.DispatchId, cancel);
        }
    }

    /// <summary>Answers, again while the broker is away and the caller waits.</summary>
    private async Task AnswerAsync(ConsumeContext context, ToolExecuted answer, CallClock clock, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await context.RespondAsync(answer);
                return;
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested && clock.Remaining(time) > AnswerPause)
            {
                Log.AnsweredAgain(logger, answer.DispatchId, error);
                await Task.Delay(AnswerPause, time, cancellationToken);
            }
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
