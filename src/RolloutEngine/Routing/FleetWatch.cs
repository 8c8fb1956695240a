using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>Asks one engine again and again how it is, connects it anew when it was lost, and brings it up to date.</summary>
internal sealed class FleetWatch(Fleet fleet, EngineSlot slot, RoutingOptions options, TimeProvider time, ILogger logger)
{
    private const int MissesAllowed = 1;
    private readonly CancellationToken _stopping = slot.Stopping.Token;

    /// <summary>Runs until the engine is removed.</summary>
    /// <param name="probe">One that is under way.</param>
    public async Task RunAsync(Task probe)
    {
        while (true)
        {
            await probe;
            await Task.Delay(Delay(), time, _stopping);
            probe = ProbeAsync();
        }
    }

    /// <summary>Asks once.</summary>
    public async Task ProbeAsync()
    {
        IEngineNode? node = fleet.BeginProbe(slot);
        IEngineNode? connected = null;
        try
        {
            using CancellationTokenSource patience = new(options.ProbeTimeout, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _stopping);
            IEngineNode asked = node ?? (connected = await slot.ConnectAsync(either.Token).WaitAsync(either.Token));
            EngineLoad load = await asked.ProbeAsync(either.Token).WaitAsync(either.Token);
            // Before it gets requests, and again for what was said meanwhile.
            await PauseAsWantedAsync(asked);
            fleet.SetUp(slot, node, asked, load);
            connected = null;
            await PauseAsWantedAsync(asked);
            await BringUpToDateAsync(asked);
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            string reason = exception is OperationCanceledException
                ? $"Engine '{slot.Name}' did not answer within {options.ProbeTimeout.TotalSeconds} s."
                : exception.Message;
            // One that takes new weights may have no ear for anything else.
            if (exception is OperationCanceledException && node is not null && fleet.Wanted.IsUpdating)
                return;
            if (node is null || exception is EngineException { IsLost: true } || fleet.Miss(slot) > MissesAllowed)
                fleet.Lose(slot, node, reason);
        }
        finally
        {
            (connected as IDisposable)?.Dispose();
        }
    }

    private TimeSpan Delay() => slot.Node is not null
        ? options.ProbeInterval
        : TimeSpan.FromTicks(Math.Min(options.MaxBackoff.Ticks, options.ProbeInterval.Ticks << Math.Clamp(slot.Failures - 1, 0, 20)));

    private Task PauseAsWantedAsync(IEngineNode node) =>
        fleet.Wanted.IsPaused == node.IsPaused ? Task.CompletedTask
        : fleet.Wanted.IsPaused ? node.PauseAsync(cancellationToken: _stopping)
        : node.ResumeAsync(_stopping);

    /// <summary>Gives an engine the weights that it missed.</summary>
    private async Task BringUpToDateAsync(IEngineNode node)
    {
        long version = fleet.Wanted.Version;
        if (fleet.Wanted.IsUpdating || node.Model.WeightVersion >= version)
            return;
        if (fleet.Wanted.Weights is not { } update)
        {
            fleet.Refuse(slot, $"It missed weights {version}, which came over a process group.");
            return;
        }

        try
        {
            await node.UpdateWeightsAsync(update, _stopping);
            Log.RoutedEngineUpdated(logger, slot.Name, update.Version!.Value);
            fleet.Signal();
        }
        catch (EngineException exception) when (!exception.IsLost)
        {
            fleet.Refuse(slot, exception.Message);
        }
    }
}
