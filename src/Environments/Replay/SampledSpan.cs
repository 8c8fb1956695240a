using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Replay;

/// <summary>Where one turn was sampled.</summary>
/// <param name="Sequence">Index of the sequence.</param>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="Start">First position.</param>
/// <param name="End">Past the last.</param>
/// <param name="FinishReason">As recorded; null where the turn was cut.</param>
internal readonly record struct SampledSpan(int Sequence, int Turn, int Start, int End, string? FinishReason)
{
    public int Length => End - Start;

    /// <summary>All turns of a trajectory in order. A turn that several weight versions sampled has one span.</summary>
    public static List<SampledSpan> Of(Trajectory trajectory)
    {
        List<SampledSpan> spans = [];
        for (int i = 0; i < trajectory.Sequences.Count; i++)
        {
            foreach (TokenSegment segment in trajectory.Sequences[i].Segments.Where(segment => segment.Source == SegmentSource.Sampled))
            {
                if (spans is [.., var last] && last.Sequence == i && last.Turn == segment.Turn)
                    spans[^1] = last with { End = segment.End, FinishReason = segment.FinishReason };
                else
                    spans.Add(new SampledSpan(i, segment.Turn, segment.Start, segment.End, segment.FinishReason));
            }
        }

        return spans;
    }
}
