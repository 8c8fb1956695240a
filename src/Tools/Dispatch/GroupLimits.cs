namespace AgentRollout.Tools.Dispatch;

/// <summary>Bounds at a worker how many calls of a tool group run at once and how many start per second.</summary>
internal sealed class GroupLimits(ToolRunner runner, ToolBusOptions options, TimeProvider time) : IToolRoute
{
    private readonly Dictionary<string, Limit> _limits = options.GroupNames.ToDictionary(group => group, group => new Limit(options.SettingsOf(group), time));

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        Limit limit = _limits[options.GroupOf(invocation.ToolName)];
        if (!await limit.Slots.TakeAsync(invocation.FairnessKey ?? invocation.TrajectoryId, clock.Remaining(time), cancellationToken))
            return ToolRunner.NotStarted(invocation, clock, clock.Elapsed(time));
        try
        {
            return await limit.WaitAsync(clock.Remaining(time), cancellationToken)
                ? await runner.RunAsync(invocation, clock, cancellationToken)
                : ToolRunner.NotStarted(invocation, clock, clock.Elapsed(time));
        }
        finally
        {
            limit.Slots.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask EndTrajectoryAsync(string trajectoryId) => runner.EndTrajectoryAsync(trajectoryId);

    private sealed class Limit(ToolBusGroup settings, TimeProvider time)
    {
        private readonly Lock _lock = new();
        private readonly TimeSpan _interval = settings.CallsPerSecond is { } rate ? TimeSpan.FromSeconds(1 / rate) : TimeSpan.Zero;
        private DateTimeOffset _next = DateTimeOffset.MinValue;

        public FairSlots Slots { get; } = new(settings.ConcurrentCalls ?? settings.Prefetch, time);

        /// <summary>Waits until one more call may start; false where that is too late.</summary>
        public async Task<bool> WaitAsync(TimeSpan patience, CancellationToken cancellationToken)
        {
            if (_interval == TimeSpan.Zero)
                return true;
            TimeSpan wait;
            lock (_lock)
            {
                DateTimeOffset now = time.GetUtcNow();
                DateTimeOffset start = _next > now ? _next : now;
                wait = start - now;
                if (wait > patience)
                    return false;
                _next = start + _interval;
            }

            await Task.Delay(wait, time, cancellationToken);
            return true;
        }
    }
}
