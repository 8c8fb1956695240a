namespace AgentRollout.Tools.Dispatch;

/// <summary>The way of a call whose turn has come to what runs it: in this process, or over the bus.</summary>
internal interface IToolRoute
{
    /// <summary>See <see cref="IToolDispatcher.DispatchAsync"/>; the clock runs since the call was dispatched.</summary>
    Task<ToolResult> RunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken);

    /// <inheritdoc cref="IToolDispatcher.EndTrajectoryAsync"/>
    ValueTask EndTrajectoryAsync(string trajectoryId);
}
