using System.Runtime.InteropServices;
using AgentRollout.Environments.Loop;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The audit that every trajectory carries: the sealed record against what the engine reported and what the template renders.</summary>
internal static class SealingAudit
{
    /// <param name="episode">What happened.</param>
    /// <param name="sequences">Its record, before a mask policy narrows it.</param>
    public static TrajectoryAudit Run(Episode episode, TrajectorySequence[] sequences)
    {
        (string kind, TemplateDifference? difference) = TemplateAudit.Run(
            episode.Policy.Format, sequences, [.. sequences.Select((_, i) => episode.MessagesOf(i))], episode.Messages, episode.Tools);
        return new TrajectoryAudit(TokenExact(episode.SampledRuns, sequences), MaskExact(episode, sequences), kind, difference);
    }

    private static bool MaskExact(Episode episode, TrajectorySequence[] sequences)
    {
        if (sequences.Any(sequence => SequenceAudit.FindStructureProblem(sequence) is not null))
            return false;
        IReadOnlyList<int[]> masks = TrajectoryMask.Compute(MaskPolicy.AllSampled, sequences, episode.ToolCalls);
        return sequences.Zip(masks).All(pair => SequenceAudit.FindTokenProblem(pair.First, pair.Second) is null);
    }

    /// <summary>Each run that the engine reported stands, id for id and log-probability for log-probability, where it was sampled.</summary>
    private static bool TokenExact(IReadOnlyList<SampledRun> runs, TrajectorySequence[] sequences)
    {
        int sampled = 0;
        foreach (SampledRun run in runs)
        {
            TrajectorySequence sequence = sequences[run.Sequence];
            if (run.Start + run.Tokens.Count > sequence.TokenIds.Length
                || !sequence.TokenIds.AsSpan(run.Start, run.Tokens.Count).SequenceEqual(CollectionsMarshal.AsSpan(run.Tokens))
                || !Same(sequence.Logprobs.AsSpan(run.Start, run.Tokens.Count), run.Logprobs))
                return false;
            sampled += run.Tokens.Count;
        }

        return sampled == sequences.Sum(sequence => sequence.LossMask.Sum());
    }

    private static bool Same(ReadOnlySpan<float?> kept, List<float> reported)
    {
        for (int i = 0; i < kept.Length; i++)
        {
            if (kept[i] is not { } logprob || BitConverter.SingleToInt32Bits(logprob) != BitConverter.SingleToInt32Bits(reported[i]))
                return false;
        }

        return true;
    }
}
