using AgentRollout.Environments.Loop;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Turns an episode that has ended into its trajectory, with digest and audit.</summary>
internal static class TrajectorySealer
{
    public static Trajectory Seal(Episode episode, StopReason reason, RolloutFailure? failure)
    {
        EpisodeSpec spec = episode.Spec;
        TrajectoryStatus status = reason.ToStatus();
        IReadOnlyDictionary<string, double> components = episode.Rewards ?? new Dictionary<string, double>();
        double? reward = RewardOf(status, components);
        TrajectorySequence[] recorded = SequenceRecords.Of(episode.Sequences);
        TrajectorySequence[] sequences = SequenceRecords.Narrow(recorded, spec.Mask, episode.ToolCalls);

        return new Trajectory
        {
            Id = spec.TrajectoryId,
            RolloutId = spec.RolloutId,
            GroupId = spec.GroupId,
            SampleIndex = spec.SampleIndex,
            Parent = spec.Parent,
            Task = new TrajectoryTask(spec.Task.Id, spec.Environment.Name, spec.Task.Data),
            Model = new TrajectoryModel(
                episode.Policy.Name, episode.Policy.Format.Tokenizer.Hash, episode.Policy.Format.Template.Hash),
            Seed = spec.Seed,
            Sampling = spec.Sampling,
            MaskPolicy = spec.Mask,
            Tools = episode.Tools,
            Status = status,
            StopReason = reason,
            Reward = reward,
            RewardComponents = components,
            Sequences = sequences,
            Messages = [.. episode.Messages],
            ToolCalls = [.. episode.ToolCalls],
            Timings = episode.Clock.Read(),
            Failure = failure,
            EngineMoves = episode.EngineMoves is [] ? null : [.. episode.EngineMoves],
            Digest = TrajectoryDigest.Compute(sequences, reward, components),
            Audit = SealingAudit.Run(episode, recorded),
        };
    }

    /// <summary>The sum of the components where the episode was played to its end.</summary>
    public static double? RewardOf(TrajectoryStatus status, IReadOnlyDictionary<string, double> components) => status switch
    {
        TrajectoryStatus.Completed => components.Values.Sum(),
        TrajectoryStatus.Truncated => 0,
        _ => null,
    };
}
