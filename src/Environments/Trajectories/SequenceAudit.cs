using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The structure of one sequence: lengths, segments, masks and log-probabilities, from the record alone.</summary>
internal static class SequenceAudit
{
    // Rounding may leave the log-probability of a certain token a hair above zero.
    private const float LargestLogprob = 1e-4f;

    /// <summary>The first thing that is wrong with lengths and segments, as a sentence, or null. Without one the segments give masks.</summary>
    public static string? FindStructureProblem(TrajectorySequence sequence) =>
        FindLengthProblem(sequence) ?? FindSegmentProblem(sequence);

    private static string? FindLengthProblem(TrajectorySequence sequence)
    {
        int length = sequence.TokenIds.Length;
        return sequence.LossMask.Length != length ? $"loss_mask has {sequence.LossMask.Length} entries for {length} tokens"
            : sequence.Logprobs.Length != length ? $"logprobs has {sequence.Logprobs.Length} entries for {length} tokens"
            : sequence.SamplingLogprobs is { } sampling && sampling.Length != length
                ? $"sampling_logprobs has {sampling.Length} entries for {length} tokens"
            : null;
    }

    private static string? FindSegmentProblem(TrajectorySequence sequence)
    {
        int end = 0;
        int turn = 0;
        foreach (TokenSegment segment in sequence.Segments)
        {
            if (segment.Start != end)
                return $"a segment starts at {segment.Start}, but the one before it ends at {end}";
            if (segment.End <= segment.Start)
                return $"the segment at {segment.Start} ends at {segment.End} and is empty";
            if (segment.Turn < turn)
                return $"the segment at {segment.Start} belongs to turn {segment.Turn}, after one of turn {turn}";
            if (segment.Source == SegmentSource.Sampled != segment.WeightVersion.HasValue)
                return $"the {Name(segment.Source)} segment at {segment.Start} {(segment.WeightVersion.HasValue ? "has a" : "lacks its")} weight_version";
            end = segment.End;
            turn = segment.Turn;
        }

        return end == sequence.TokenIds.Length ? null : $"the segments end at {end}, but there are {sequence.TokenIds.Length} tokens";
    }

    /// <summary>The first token whose mask or log-probability is wrong, as a sentence, or null.</summary>
    /// <param name="sequence">The record, with sound segments.</param>
    /// <param name="mask">The loss mask that its segments and the trajectory's mask policy give.</param>
    /// <param name="audit">Tells which log-probabilities the engine did not report.</param>
    public static string? FindTokenProblem(TrajectorySequence sequence, int[] mask, TrajectoryAudit audit)
    {
        (bool lacksRaw, bool lacksSampling) = (audit.Lacks(TrajectoryAudit.Raw), audit.Lacks(TrajectoryAudit.Sampling));
        foreach (TokenSegment segment in sequence.Segments)
        {
            for (int i = segment.Start; i < segment.End; i++)
            {
                if (sequence.TokenIds[i] < 0)
                    return $"token {i} has the id {sequence.TokenIds[i]}";
                bool counts = mask[i] == 1;
                if (sequence.LossMask[i] != mask[i])
                    return $"token {i} is {Name(segment.Source)}, but its loss mask is {sequence.LossMask[i]}";
                if ((FindLogprobProblem(sequence.Logprobs[i], counts, lacksRaw)
                    ?? (sequence.SamplingLogprobs is { } sampling ? FindLogprobProblem(sampling[i], counts, lacksSampling) : null)) is { } problem)
                    return $"token {i} is {Name(segment.Source)}, but {problem}";
            }
        }

        return null;
    }

    private static string? FindLogprobProblem(float? logprob, bool counts, bool mayLack) => (counts, logprob) switch
    {
        (true, null) when !mayLack => "has no log-probability",
        (false, { } value) => $"has the log-probability {value}",
        (true, { } value) when !(value <= LargestLogprob) => $"has the log-probability {value}",
        _ => null,
    };

    private static string Name(SegmentSource source) => source.ToString().ToLowerInvariant();
}
