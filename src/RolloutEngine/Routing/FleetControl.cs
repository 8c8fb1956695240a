using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// The control plane of a fleet: what a trainer asks is asked of every engine that answers, all at once. What some refuse is said with their names;
/// engines that are away hear of a pause and of new weights before they get requests again.
/// </summary>
internal sealed class FleetControl(Fleet fleet, ILogger logger)
{
    public async Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<EngineLoad> loads = await AskAllAsync("say how they are", engine => engine.ProbeAsync(cancellationToken));
        return new EngineLoad(
            fleet.NewestVersion, loads.Sum(load => load.Running ?? 0), loads.Sum(load => load.Waiting ?? 0), loads.Average(load => load.PagesInUse));
    }

    public async Task PauseAsync(bool retract, CancellationToken cancellationToken)
    {
        fleet.Wanted.IsPaused = true;
        await AskAllAsync("pause", engine => engine.PauseAsync(retract, cancellationToken), isCaughtUp: true);
    }

    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        fleet.Wanted.IsPaused = false;
        await AskAllAsync("resume", engine => engine.ResumeAsync(cancellationToken), isCaughtUp: true);
    }

    public async Task<int?> FlushCacheAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<int?> freed = await AskAllAsync("flush their caches", engine => engine.FlushCacheAsync(cancellationToken));
        foreach (EngineSlot slot in fleet.Answering)
            fleet.Forget(slot);
        return freed.Any(pages => pages is null) ? null : freed.Sum();
    }

    public async Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken)
    {
        long newest = fleet.NewestVersion;
        update = update with { Version = update.Version ?? newest + 1 };
        if (update.Version <= newest)
            throw new EngineException($"Weight version {update.Version} is not above version {newest}, which is in use.");
        fleet.Wanted.BeginUpdate();
        try
        {
            Answers<WeightUpdateResult> answers = await AskAsync(engine => engine.UpdateWeightsAsync(update, cancellationToken));
            if (answers.Given is [])
                throw answers.ToException("change their weights");
            fleet.Wanted.Took(update.Version.Value, update);
            foreach ((EngineSlot slot, _) in answers.Given)
                fleet.Forget(slot);
            foreach ((EngineSlot slot, EngineException failure) in answers.Failures)
            {
                fleet.Refuse(slot, failure.Message);
                Log.RoutedEngineStale(logger, slot.Name, update.Version.Value, failure.Message);
            }

            return Slowest(update.Version.Value, answers);
        }
        finally
        {
            fleet.Wanted.EndUpdate();
            fleet.Signal();
        }
    }

    public async Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken)
    {
        IReadOnlyList<ReleasedMemory?> released = await AskAllAsync("release memory", engine => engine.ReleaseMemoryAsync(memory, cancellationToken));
        return released.Any(part => part is null)
            ? null
            : new ReleasedMemory(released.Sum(part => part!.WeightBytes), released.Sum(part => part!.KvCacheBytes));
    }

    public Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken) =>
        AskAllAsync("resume memory", engine => engine.ResumeMemoryAsync(memory, cancellationToken));

    private static WeightUpdateResult Slowest(long version, Answers<WeightUpdateResult> answers) => new(
        version,
        answers.Given.Max(answer => answer.Value.Load),
        answers.Given.Max(answer => answer.Value.Wait),
        answers.Given.Max(answer => answer.Value.Flush),
        answers.Given.Max(answer => answer.Value.Swap))
    {
        Failures = answers.Failures.ToDictionary(failure => failure.Engine.Name, failure => failure.Failure.Message),
    };

    private Task<IReadOnlyList<bool>> AskAllAsync(string what, Func<IEngineNode, Task> ask, bool isCaughtUp = false) =>
        AskAllAsync(what, async engine => { await ask(engine); return true; }, isCaughtUp);

    /// <param name="isCaughtUp">Whether engines that are lost meanwhile hear of it when they are back.</param>
    private async Task<IReadOnlyList<T>> AskAllAsync<T>(string what, Func<IEngineNode, Task<T>> ask, bool isCaughtUp = false)
    {
        Answers<T> answers = await AskAsync(ask);
        return answers.Failures.All(failure => isCaughtUp && failure.Failure.IsLost) && (isCaughtUp || answers.Given is not [])
            ? [.. answers.Given.Select(answer => answer.Value)]
            : throw answers.ToException(what);
    }

    private async Task<Answers<T>> AskAsync<T>(Func<IEngineNode, Task<T>> ask)
    {
        Answers<T> answers = new([], []);
        await Task.WhenAll(fleet.Answering.Select(async slot =>
        {
            if (slot.Node is not { } node)
                return;
            try
            {
                T value = await ask(node);
                lock (answers)
                    answers.Given.Add((slot, value));
            }
            catch (EngineException exception)
            {
                if (exception.IsLost)
                    fleet.Lose(slot, node, exception.Message);
                lock (answers)
                    answers.Failures.Add((slot, exception));
            }
        }));
        return answers;
    }

    /// <summary>What engines said to a question.</summary>
    private sealed record Answers<T>(List<(EngineSlot Engine, T Value)> Given, List<(EngineSlot Engine, EngineException Failure)> Failures)
    {
        public EngineException ToException(string what) => Failures is []
            ? new EngineException($"No engine answers that could {what}.") { IsLost = true }
            : new EngineException(
                $"{Failures.Count} of {Failures.Count + Given.Count} engines could not {what}: "
                + string.Join("; ", Failures.Select(failure => $"'{failure.Engine.Name}': {failure.Failure.Message}")));
    }
}
