using Microsoft.Extensions.Options;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// Starts the clock of each call and lets only so many be under way; the others wait here, where rollouts take turns, and not in a queue of the bus,
/// which would serve whoever came first.
/// </summary>
internal sealed class FairToolDispatcher(IToolRoute route, IOptions<ToolOptions> options, TimeProvider time) : IToolDispatcher
{
    private readonly FairSlots _slots = new(options.Value.MaxConcurrentCalls, time);

    /// <inheritdoc/>
    public async Task<ToolResult> DispatchAsync(ToolInvocation invocation, TimeSpan timeout, CancellationToken cancellationToken)
    {
        CallClock clock = CallClock.Start(time, timeout);
        if (!await _slots.TakeAsync(invocation.FairnessKey ?? invocation.TrajectoryId, clock.Timeout, cancellationToken))
        {
            ToolResult late = ToolRunner.NotStarted(invocation, clock, clock.Elapsed(time));
            ToolTelemetry.Record(invocation, late);
            return late;
        }

        try
        {
            return await route.RunAsync(invocation, clock, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask EndTrajectoryAsync(string trajectoryId) => route.EndTrajectoryAsync(trajectoryId);
}
