using System.Runtime.InteropServices;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The audit that every trajectory carries: the sealed record against what the engine reported and what the template renders.</summary>
internal static class SealingAudit
{
    public static TrajectoryAudit Run(Episode episode, TrajectorySequence sequence)
    {
        (string kind, TemplateDifference? difference) = TemplateAudit.Run(episode.Policy.Format, sequence, episode.Messages, episode.Tools);
        return new TrajectoryAudit(
            TokenExact(episode.SampledRuns, sequence), SequenceAudit.FindProblem(sequence) is null, kind, difference);
    }

    /// <summary>Each run that the engine reported stands, id for id and log-probability for log-probability, where it was sampled.</summary>
    private static bool TokenExact(IReadOnlyList<SampledRun> runs, TrajectorySequence sequence)
    {
        int sampled = 0;
        foreach (SampledRun run in runs)
        {
            if (run.Start + run.Tokens.Count > sequence.TokenIds.Length
                || !sequence.TokenIds.AsSpan(run.Start, run.Tokens.Count).SequenceEqual(CollectionsMarshal.AsSpan(run.Tokens))
                || !Same(sequence.Logprobs.AsSpan(run.Start, run.Tokens.Count), run.Logprobs))
                return false;
            sampled += run.Tokens.Count;
        }

        return sampled == sequence.LossMask.Sum();
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
