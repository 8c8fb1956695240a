using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Sequences as a trajectory records them.</summary>
internal static class SequenceRecords
{
    /// <summary>All that happened.</summary>
    public static TrajectorySequence[] Of(IReadOnlyList<TokenSequence> sequences) => [.. sequences.Select(ToRecord)];

    /// <summary>What a trainer does not learn from has neither mask nor log-probabilities.</summary>
    public static TrajectorySequence[] Narrow(TrajectorySequence[] sequences, MaskPolicy policy, IEnumerable<TrajectoryToolCall> calls)
    {
        if (policy == MaskPolicy.AllSampled)
            return sequences;
        IReadOnlyList<int[]> masks = TrajectoryMask.Compute(policy, sequences, calls);
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
