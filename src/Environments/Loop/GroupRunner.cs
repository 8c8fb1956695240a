using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Environments.Loop;

/// <summary>Fans one task out to the trajectories of its group.</summary>
internal sealed class GroupRunner(TrajectoryRunner runner)
{
    /// <summary>
    /// The group's trajectories that are not finished yet, as work to be started: ids and seeds follow from the task's index and the
    /// sample's, so that a rollout that goes on after a restart names and samples them the same.
    /// </summary>
    public IEnumerable<Func<CancellationToken, CancellationToken, Task<Trajectory>>> Plan(
        RolloutSpec rollout, RolloutTask task, long taskIndex, IProgress<RolloutEvent>? progress)
    {
        string groupId = $"{rollout.Id}-{taskIndex}";
        for (int sample = 0; sample < rollout.SamplesPerTask; sample++)
        {
            EpisodeSpec episode = new()
            {
                TrajectoryId = $"{groupId}-{sample}",
                RolloutId = rollout.Id,
                GroupId = groupId,
                SampleIndex = sample,
                Environment = rollout.Environment,
                Task = task,
                Tools = rollout.Tools,
                Sampling = rollout.Sampling,
                History = rollout.History,
                Mask = rollout.Mask,
                Limits = rollout.Limits,
                Seed = TrajectorySeed.Derive(rollout.Seed, taskIndex, sample),
            };
            if (!rollout.Finished.Contains(episode.TrajectoryId))
                yield return (abort, cancellationToken) => runner.RunAsync(episode, progress, abort, cancellationToken);
        }
    }
}
