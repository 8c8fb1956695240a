using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>Takes rollouts from the queue, plays them, stores every trajectory before it is told of, and brings each to its terminal state.</summary>
internal sealed class RolloutService(
    RolloutQueue queue,
    RolloutRegistry registry,
    RolloutStore rollouts,
    SqliteTrajectoryStore trajectories,
    RolloutPlanner planner,
    RolloutRunner runner,
    GatewayOptions options,
    TimeProvider timeProvider,
    ILogger<RolloutService> logger) : BackgroundService
{
    /// <summary>Queues earlier rollouts before the server listens, so that nobody asks about one that is not there yet.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await registry.RecoverAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using SemaphoreSlim slots = new(options.ConcurrentRollouts);
        List<Task> playing = [];
        try
        {
            while (true)
            {
                await slots.WaitAsync(stoppingToken);
                LiveRollout rollout = await queue.DequeueAsync(stoppingToken);
                playing.RemoveAll(task => task.IsCompleted);
                playing.Add(PlayAndReleaseAsync(rollout, slots, stoppingToken));
            }
        }
        finally
        {
            await Task.WhenAll(playing);
        }
    }

    private async Task PlayAndReleaseAsync(LiveRollout rollout, SemaphoreSlim slots, CancellationToken stoppingToken)
    {
        try
        {
            await PlayAsync(rollout, stoppingToken);
            RolloutState state = rollout.Abort.IsCancellationRequested ? RolloutState.Cancelled : RolloutState.Completed;
            await registry.EndAsync(rollout, state, error: null);
            Log.RolloutEnded(logger, rollout.Id, state);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            Log.RolloutInterrupted(logger, rollout.Id);
        }
        catch (Exception exception)
        {
            Log.RolloutFailed(logger, exception, rollout.Id);
            await registry.EndAsync(rollout, RolloutState.Failed, exception.Message);
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task PlayAsync(LiveRollout rollout, CancellationToken stoppingToken)
    {
        await rollouts.StartAsync(rollout.Id, timeProvider.GetUtcNow(), stoppingToken);
        RolloutSpec spec = planner.Plan(rollout.Id, rollout.Request, trajectories.StoredIds(rollout.Id), rollout.Gate);
        Log.RolloutStarted(logger, rollout.Id, spec.Environment.Name, RolloutPlanner.TrajectoryCount(rollout.Request), spec.Finished.Count);
        await foreach (Trajectory trajectory in runner.RunAsync(spec, rollout, rollout.Abort, stoppingToken))
        {
            await trajectories.AppendAsync(trajectory, stoppingToken);
            rollout.Report(new TrajectorySealed(
                trajectory.RolloutId,
                trajectory.Id,
                trajectory.Status,
                trajectory.StopReason,
                trajectory.Reward,
                trajectory.Turns,
                trajectory.ToolCalls.Count,
                trajectory.SampledTokens));
        }
    }
}
