using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Environments.Loop;

/// <summary>Plays a whole rollout with bounded concurrency and yields trajectories as they finish.</summary>
/// <param name="runner">Plays single trajectories.</param>
/// <param name="maxConcurrentTrajectories">Most trajectories in play at once, over all rollouts that share this runner.</param>
public sealed class RolloutRunner(TrajectoryRunner runner, int maxConcurrentTrajectories) : IDisposable
{
    private readonly GroupRunner _groups = new(runner);
    private readonly SemaphoreSlim _slots = new(maxConcurrentTrajectories, maxConcurrentTrajectories);

    /// <summary>
    /// Every task is played <see cref="RolloutSpec.SamplesPerTask"/> times. A consumer that is slow to take trajectories slows the
    /// rollout down: a finished one keeps its slot until it is taken.
    /// </summary>
    /// <param name="rollout">What to play.</param>
    /// <param name="progress">Told about every step, from many threads, in order per trajectory.</param>
    /// <param name="abort">Starts no further trajectory and seals the running ones as <c>aborted</c>; all of them are still yielded.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    public async IAsyncEnumerable<Trajectory> RunAsync(
        RolloutSpec rollout,
        IProgress<RolloutEvent>? progress,
        CancellationToken abort,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<Trajectory> finished = Channel.CreateBounded<Trajectory>(1);
        Task playing = PlayAsync(rollout, progress, finished.Writer, abort, stop.Token);
        try
        {
            await foreach (Trajectory trajectory in finished.Reader.ReadAllAsync(stop.Token))
                yield return trajectory;
            await playing;
        }
        finally
        {
            // A consumer that leaves early takes the rest of the rollout with it.
            await stop.CancelAsync();
            await ((Task)playing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => _slots.Dispose();

    private async Task PlayAsync(
        RolloutSpec rollout,
        IProgress<RolloutEvent>? progress,
        ChannelWriter<Trajectory> finished,
        CancellationToken abort,
        CancellationToken cancellationToken)
    {
        List<Task> running = [];
        Exception? failure = null;
        try
        {
            long taskIndex = 0;
            int begun = rollout.Begun.Count;
            foreach (RolloutTask task in rollout.Tasks)
            {
                foreach (PlannedTrajectory planned in _groups.Plan(rollout, task, taskIndex++, progress))
                {
                    if (running.Exists(done => done.IsFaulted) || (abort.IsCancellationRequested && begun == 0))
                        return;
                    // What has begun is sealed, also where the rollout was aborted since.
                    if (planned.HasBegun)
                        begun--;
                    if (!await TakeSlotAsync(rollout.Admit, planned.HasBegun, abort, cancellationToken))
                        continue;
                    running.RemoveAll(done => done.IsCompletedSuccessfully);
                    running.Add(PlayOneAsync(planned, rollout.Keep, finished, abort, cancellationToken));
                }
            }
        }
        catch (Exception exception)
        {
            failure = exception;
        }
        finally
        {
            try
            {
                await Task.WhenAll(running);
            }
            catch (Exception exception)
            {
                failure ??= exception;
            }

            finished.Complete(failure);
        }
    }

    /// <summary>False where the rollout was aborted before it could begin.</summary>
    private async Task<bool> TakeSlotAsync(
        Func<CancellationToken, ValueTask>? admit, bool hasBegun, CancellationToken abort, CancellationToken cancellationToken)
    {
        if (hasBegun && abort.IsCancellationRequested)
        {
            await _slots.WaitAsync(cancellationToken);
            return true;
        }

        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(abort, cancellationToken);
        try
        {
            if (admit is not null)
                await admit(either.Token);
            await _slots.WaitAsync(either.Token);
            if (!abort.IsCancellationRequested)
                return true;

            // The slot came from a trajectory that the abort itself ended.
            _slots.Release();
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task PlayOneAsync(
        PlannedTrajectory planned,
        Func<Trajectory, CancellationToken, ValueTask>? keep,
        ChannelWriter<Trajectory> finished,
        CancellationToken abort,
        CancellationToken cancellationToken)
    {
        try
        {
            Trajectory trajectory = await planned.PlayAsync(abort, cancellationToken);
            if (keep is not null)
                await keep(trajectory, cancellationToken);
            await finished.WriteAsync(trajectory, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }
}
