namespace AgentRollout.Tools.Dispatch;

/// <summary>Carries calls to tools, in this process or over the bus, and brings back exactly one result per call.</summary>
public interface IToolDispatcher
{
    /// <summary>
    /// Runs one call. Never throws for what a tool or a model did: unknown tools, invalid arguments, exceptions and time-outs are
    /// results. Cancelling cancels the running tool and throws <see cref="OperationCanceledException"/>.
    /// </summary>
    /// <param name="invocation">The call.</param>
    /// <param name="timeout">Wall-clock limit of the call, queueing included.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    Task<ToolResult> DispatchAsync(ToolInvocation invocation, TimeSpan timeout, CancellationToken cancellationToken);

    /// <summary>
    /// Tells every worker that a trajectory makes no further call, so that its sandbox and whatever else is held for it goes
    /// (<see cref="ITrajectoryEnd"/>). Does not throw.
    /// </summary>
    ValueTask EndTrajectoryAsync(string trajectoryId);
}
