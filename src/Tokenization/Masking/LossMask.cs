namespace AgentRollout.Tokenization.Masking;

/// <summary>The loss mask that follows from a trajectory's segments and a policy, and from nothing else.</summary>
public static class LossMask
{
    /// <summary>The finish reason of a turn that the model ended itself.</summary>
    private const string Ended = "stop";

    /// <summary>One mask per sequence, 1 where a token counts.</summary>
    /// <param name="policy">Which sampled tokens count.</param>
    /// <param name="sequences">The segments of each sequence, in order; together they cover it.</param>
    /// <param name="malformedTurns">The turns with a tool call that could not be read.</param>
    public static IReadOnlyList<int[]> Compute(
        MaskPolicy policy, IReadOnlyList<IReadOnlyList<TokenSegment>> sequences, IReadOnlySet<int> malformedTurns)
    {
        TokenSegment[] sampled = [.. sequences.SelectMany(segments => segments).Where(segment => segment.Source == SegmentSource.Sampled)];
        int lastTurn = sampled.Length == 0 ? 0 : sampled[^1].Turn;
        HashSet<int> ended = [.. sampled.Where(segment => segment.FinishReason == Ended).Select(segment => segment.Turn)];
        return [.. sequences.Select(Mask)];

        int[] Mask(IReadOnlyList<TokenSegment> segments)
        {
            int[] mask = new int[segments.Count == 0 ? 0 : segments[^1].End];
            foreach (TokenSegment segment in segments.Where(segment => segment.Source == SegmentSource.Sampled && Counts(segment.Turn)))
                mask.AsSpan(segment.Start, segment.End - segment.Start).Fill(1);
            return mask;
        }

        bool Counts(int turn) => policy switch
        {
            MaskPolicy.AllSampled => true,
            MaskPolicy.LastTurn => turn == lastTurn,
            MaskPolicy.CompleteTurns => ended.Contains(turn),
            MaskPolicy.WellFormedTurns => !malformedTurns.Contains(turn),
            _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "No such mask policy."),
        };
    }
}
