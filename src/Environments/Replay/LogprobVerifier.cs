using System.Diagnostics;
using System.Globalization;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Replay;

/// <summary>
/// Asks an engine that is not the embedded one what it thinks of the tokens of a trajectory, and compares log-probabilities. It is never asked to sample
/// them again: no other engine promises the same tokens. Safe to use concurrently.
/// </summary>
/// <param name="engine">The engine's name.</param>
/// <param name="scorer">The same engine.</param>
/// <param name="format">The model's tokenizer.</param>
public sealed class LogprobVerifier(string engine, ITokenScorer scorer, ChatFormat format)
{
    /// <summary>Verifies one trajectory. What is wrong with it is a result, not an exception.</summary>
    /// <param name="trajectory">What is verified.</param>
    /// <param name="progress">Told after every sequence.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public async Task<VerifyResult> VerifyAsync(
        Trajectory trajectory, IProgress<ReplayProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        VerifyResult result;
        try
        {
            result = TrajectoryAuditor.FindStructureProblem(trajectory) is { } problem
                ? Result(trajectory, VerifyOutcome.RecordChanged, problem)
                : trajectory.Model.TokenizerHash != format.Tokenizer.Hash
                ? Result(trajectory, VerifyOutcome.OtherTokenizer, $"It was made with the tokenizer {trajectory.Model.TokenizerHash}, but the model's is {format.Tokenizer.Hash}.")
                : await CompareAsync(trajectory, progress, cancellationToken);
        }
        catch (EngineException exception)
        {
            result = Result(trajectory, VerifyOutcome.Refused, exception.Message);
        }

        return result with { Milliseconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 3) };
    }

    private async Task<VerifyResult> CompareAsync(Trajectory trajectory, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        LogprobComparison comparison = new();
        long version = 0;
        for (int i = 0; i < trajectory.Sequences.Count; i++)
        {
            // What was sampled from is of the sampling parameters, which no other engine is asked to repeat.
            TrajectorySequence sequence = trajectory.Sequences[i] with { SamplingLogprobs = null };
            if (sequence.Segments.All(segment => segment.Source != SegmentSource.Sampled))
                continue;
            TokenScores scores = await scorer.ScoreAsync(sequence.TokenIds, cancellationToken);
            version = scores.WeightVersion;
            comparison.Add(sequence, i, [.. scores.Logprobs.Select((logprob, j) => new ScoredToken(sequence.TokenIds[j + 1], logprob, logprob))]);
            progress?.Report(new ReplayProgress(i + 1, trajectory.Sequences.Count));
        }

        IReadOnlyList<LogprobDifference> differences = comparison.ByVersion;
        return Result(trajectory, VerifyOutcome.OtherEngine, Describe(differences)) with
        {
            WeightVersion = version,
            LogprobDifferences = comparison.AllEqual ? null : differences,
        };
    }

    private string Describe(IReadOnlyList<LogprobDifference> differences)
    {
        int tokens = differences.Sum(difference => difference.Tokens), equal = differences.Sum(difference => difference.EqualTokens);
        string found = tokens == 0 ? "of its tokens none has a raw log-probability"
            : Say($"of {tokens} raw log-probabilities {equal} are equal, and the largest difference is {differences.Max(difference => difference.MaxAbsolute):R}");
        return $"Engine '{engine}' is not the embedded one, so that log-probabilities are compared and tokens are not: {found}.";
    }

    private static VerifyResult Result(Trajectory trajectory, VerifyOutcome outcome, string detail) => new()
    {
        TrajectoryId = trajectory.Id,
        Outcome = outcome,
        Detail = detail,
        SampledTokens = SampledSpan.Of(trajectory).Sum(span => span.Length),
        WeightVersion = 0,
        Milliseconds = 0,
    };

    private static string Say(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
