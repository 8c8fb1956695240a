using System.Runtime.InteropServices;
using AgentRollout.Environments.Loop;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The audit that every trajectory carries: the sealed record against what the engine reported and what the template renders.</summary>
internal static class SealingAudit
{
    /// <param name="episode">What happened.</param>
    /// <param name="sequences">Its record, before a mask policy narrows it.</param>
    public static TrajectoryAudit Run(Episode episode, TrajectorySequence[] sequences) => Run(
        episode.Policy.Format,
        sequences,
        episode.SampledRuns,
        episode.ToolCalls,
        [.. sequences.Select((_, i) => new SequenceText([.. episode.Messages.Take(episode.MessagesOf(i))], episode.Tools))]);

    /// <param name="format">The model's.</param>
    /// <param name="sequences">The record, before a mask policy narrows it.</param>
    /// <param name="runs">What the engine reported.</param>
    /// <param name="calls">All attempted calls.</param>
    /// <param name="texts">What each sequence says.</param>
    public static TrajectoryAudit Run(
        ChatFormat format, TrajectorySequence[] sequences, IReadOnlyList<SampledRun> runs, IReadOnlyList<TrajectoryToolCall> calls, IReadOnlyList<SequenceText> texts)
    {
        (string kind, TemplateDifference? difference) = TemplateAudit.Run(format, sequences, texts);
        IReadOnlyList<string>? missing = TrajectoryAudit.Name(runs.Aggregate(MissingLogprobs.None, (all, run) => all | run.Missing));
        TrajectoryAudit audit = new(TokenExact(runs, sequences), MaskExact: true, kind, difference, missing);
        return audit with { MaskExact = MaskExact(calls, sequences, audit) };
    }

    private static bool MaskExact(IReadOnlyList<TrajectoryToolCall> calls, TrajectorySequence[] sequences, TrajectoryAudit audit)
    {
        if (sequences.Any(sequence => SequenceAudit.FindStructureProblem(sequence) is not null))
            return false;
        IReadOnlyList<int[]> masks = TrajectoryMask.Compute(MaskPolicy.AllSampled, sequences, calls);
        return sequences.Zip(masks).All(pair => SequenceAudit.FindTokenProblem(pair.First, pair.Second, audit) is null);
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
            if (BitConverter.SingleToInt32Bits(kept[i] ?? float.NaN) != BitConverter.SingleToInt32Bits(reported[i]))
                return false;
        }

        return true;
    }
}

/// <summary>What a sequence says.</summary>
/// <param name="Messages">The conversation that it holds.</param>
/// <param name="Tools">What its prompt offers.</param>
internal readonly record struct SequenceText(IReadOnlyList<ChatMessage> Messages, IReadOnlyList<FunctionSchema> Tools);
