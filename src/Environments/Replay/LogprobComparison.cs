using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Replay;

/// <summary>Gathers how far recorded log-probabilities are from computed ones, by the weights that sampled the tokens.</summary>
internal sealed class LogprobComparison
{
    private readonly SortedDictionary<long, LogprobDifference> _byVersion = [];
    private readonly Dictionary<long, double> _sums = [];

    /// <summary>Whether every recorded log-probability is the computed one, to the bit.</summary>
    public bool AllEqual { get; private set; } = true;

    /// <summary>The result, by version.</summary>
    public IReadOnlyList<LogprobDifference> ByVersion =>
        [.. _byVersion.Values.Select(difference => difference with { MeanAbsolute = _sums[difference.WeightVersion] / difference.Tokens })];

    /// <param name="sequence">What was recorded.</param>
    /// <param name="index">Its index.</param>
    /// <param name="scores">What the engine computes, from the second token on.</param>
    public void Add(TrajectorySequence sequence, int index, IReadOnlyList<ScoredToken> scores)
    {
        foreach (TokenSegment segment in sequence.Segments.Where(segment => segment.Source == SegmentSource.Sampled))
        {
            for (int i = segment.Start; i < segment.End; i++)
            {
                ScoredToken score = scores[i - 1];
                (float? raw, float? sampling) = (sequence.Logprobs[i], sequence.SamplingLogprobs?[i]);
                if ((raw ?? sampling) is not { } recorded)
                    continue;
                bool equal = (raw is not { } logprob || Bits.Same(logprob, score.Logprob)) && (sampling is not { } drawn || Bits.Same(drawn, score.SamplingLogprob));
                Count(segment.WeightVersion ?? 0, index, i, Math.Abs((double)recorded - (raw is null ? score.SamplingLogprob : score.Logprob)), equal);
            }
        }
    }

    private void Count(long version, int sequence, int position, double difference, bool equal)
    {
        AllEqual &= equal;
        LogprobDifference known = _byVersion.GetValueOrDefault(version) ?? new LogprobDifference(version, 0, 0, 0, MaxAbsolute: -1, sequence, position);
        if (difference > known.MaxAbsolute)
            known = known with { MaxAbsolute = difference, MaxSequence = sequence, MaxPosition = position };
        _byVersion[version] = known with { Tokens = known.Tokens + 1, EqualTokens = known.EqualTokens + (equal ? 1 : 0) };
        _sums[version] = _sums.GetValueOrDefault(version) + difference;
    }
}
