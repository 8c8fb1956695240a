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
        double? reward = status switch
        {
            TrajectoryStatus.Completed => components.Values.Sum(),
            TrajectoryStatus.Truncated => 0,
            _ => null,
        };
        TrajectorySequence[] recorded = [.. episode.Sequences.Select(ToRecord)];
        TrajectorySequence[] sequences = Narrow(recorded, episode);

        return new Trajectory
        {
            Id = spec.TrajectoryId,
            RolloutId = spec.RolloutId,
            GroupId = spec.GroupId,
            SampleIndex = spec.SampleIndex,
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
            Digest = TrajectoryDigest.Compute(sequences, reward, components),
            Audit = SealingAudit.Run(episode, recorded),
        };
    }

    /// <summary>What a trainer does not learn from has neither mask nor log-probabilities.</summary>
    private static TrajectorySequence[] Narrow(TrajectorySequence[] sequences, Episode episode)
    {
        if (episode.Spec.Mask == MaskPolicy.AllSampled)
            return sequences;
        IReadOnlyList<int[]> masks = TrajectoryMask.Compute(episode.Spec.Mask, sequences, episode.ToolCalls);
        return [.. sequences.Select((sequence, i) => sequence with
        {
            LossMask = masks[i],
            Logprobs = Keep(sequence.Logprobs, masks[i]),
            SamplingLogprobs = sequence.SamplingLogprobs is { } sampling ? Keep(sampling, masks[i]) : null,
        })];

        static float?[] Keep(float?[] values, int[] mask) => [.. values.Select((value, i) => mask[i] == 1 ? value : null)];
    }

    private static TrajectorySequence ToRecord(TokenSequence sequence) => new()
    {
        TokenIds = sequence.Tokens.ToArray(),
        LossMask = Array.ConvertAll(sequence.LossMask.ToArray(), mask => (int)mask),
        Logprobs = Nullable(sequence.Logprobs),
        SamplingLogprobs = sequence.SamplingLogprobs.IsEmpty ? null : Nullable(sequence.SamplingLogprobs),
        StartedBecause = sequence.StartedBecause,
        Segments = [.. sequence.Segments],
    };

    private static float?[] Nullable(ReadOnlySpan<float> values)
    {
        float?[] result = new float?[values.Length];
        for (int i = 0; i < values.Length; i++)
            result[i] = float.IsNaN(values[i]) ? null : values[i];
        return result;
    }
}
