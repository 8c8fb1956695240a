using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Checks a trajectory against its model: the log-probabilities of every sampled token are computed again and compared to the bit.</summary>
/// <param name="engine">An engine with the weights that the trajectory was sampled from.</param>
/// <param name="format">The model's tokenizer and template.</param>
public sealed class ModelAuditor(LocalEngine engine, ChatFormat format)
{
    /// <summary>The first thing that is wrong, as one sentence, or null where nothing is.</summary>
    public async Task<string?> FindProblemAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        if (trajectory.Model.TokenizerHash != format.Tokenizer.Hash)
            return $"It was made with the tokenizer {trajectory.Model.TokenizerHash}, but the model's is {format.Tokenizer.Hash}.";
        if (trajectory.Model.TemplateHash != format.Template.Hash)
            return $"It was made with the chat template {trajectory.Model.TemplateHash}, but the model's is {format.Template.Hash}.";

        for (int i = 0; i < trajectory.Sequences.Count; i++)
        {
            TrajectorySequence sequence = trajectory.Sequences[i];
            if (sequence.LossMask.Sum() == 0)
                continue;
            IReadOnlyList<ScoredToken> scores = await engine.ScoreAsync(
                new ScoreRequest
                {
                    Tokens = sequence.TokenIds,
                    Sampling = trajectory.Sampling,
                    Starts = [.. Generations(sequence)],
                    StopTokenIds = [.. engine.Model.StopTokenIds.Union(format.EndOfTurnIds)],
                },
                cancellationToken);
            if (FindDifference(sequence, scores) is { } problem)
                return $"In sequence {i}, {problem}.";
        }

        return trajectory.Sequences is [var only] && !SaysTheSame(trajectory.Audit, TemplateAudit.Run(format, only, trajectory.Messages, trajectory.Tools))
            ? "The template renders the messages differently from what its own audit says."
            : null;
    }

    /// <summary>Where turns began to be sampled.</summary>
    private static IEnumerable<int> Generations(TrajectorySequence sequence) => sequence.Segments
        .Where(segment => segment.Source == SegmentSource.Sampled)
        .DistinctBy(segment => segment.Turn)
        .Select(segment => segment.Start);

    /// <summary>Whether a recorded audit is the computed one; trajectories of earlier versions tell no cause.</summary>
    internal static bool SaysTheSame(TrajectoryAudit recorded, (string Kind, TemplateDifference? Difference) computed) =>
        recorded.Template == computed.Kind
        && recorded.FirstDifference == (recorded.FirstDifference?.Cause is null && computed.Difference is { } difference
            ? difference with { Cause = null }
            : computed.Difference);

    private static string? FindDifference(TrajectorySequence sequence, IReadOnlyList<ScoredToken> scores)
    {
        for (int i = 1; i < sequence.TokenIds.Length; i++)
        {
            ScoredToken score = scores[i - 1];
            if (Differs(sequence.Logprobs[i], score.Logprob))
                return $"token {i} ({sequence.TokenIds[i]}) has the log-probability {sequence.Logprobs[i]:R}, but the engine computes {score.Logprob:R}";
            if (sequence.SamplingLogprobs is { } sampling && Differs(sampling[i], score.SamplingLogprob))
                return $"token {i} ({sequence.TokenIds[i]}) has the sampling log-probability {sampling[i]:R}, but the engine computes {score.SamplingLogprob:R}";
        }

        return null;
    }

    private static bool Differs(float? recorded, float computed) =>
        recorded is { } value && BitConverter.SingleToInt32Bits(value) != BitConverter.SingleToInt32Bits(computed);
}
