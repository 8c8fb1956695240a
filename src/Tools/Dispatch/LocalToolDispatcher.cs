namespace AgentRollout.Tools.Dispatch;

/// <summary>Runs tools in this process, without a bus.</summary>
internal sealed class LocalToolDispatcher(ToolRunner runner, TimeProvider time) : IToolDispatcher
{
    /// <inheritdoc/>
    public Task<ToolResult> DispatchAsync(ToolInvocation invocation, TimeSpan timeout, CancellationToken cancellationToken) =>
        runner.RunAsync(invocation, CallClock.Start(time, timeout), cancellationToken);

    /// <inheritdoc/>
    public ValueTask EndTrajectoryAsync(string trajectoryId) => runner.EndTrajectoryAsync(trajectoryId);
}
