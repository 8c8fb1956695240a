using System.Diagnostics;
using System.Globalization;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Replay;

/// <summary>
/// Samples every turn of a trajectory again, from the recorded tokens before it and with the recorded seed, and compares tokens and
/// log-probabilities to the bit. Where the weights are others, only log-probabilities are compared. Safe to use concurrently.
/// </summary>
/// <param name="engine">Computes; its results do not depend on what else it does.</param>
/// <param name="model">The name of the model that it has.</param>
/// <param name="format">The model's tokenizer and template.</param>
public sealed class ModelVerifier(LocalEngine engine, string model, ChatFormat format)
{
    /// <summary>Below rollouts, which somebody waits for.</summary>
    private const int Priority = -2;
    private const string FairnessKey = "replay";

    /// <summary>Verifies one trajectory. What is wrong with it is a result, not an exception.</summary>
    /// <param name="trajectory">What is verified.</param>
    /// <param name="progress">Told after every turn.</param>
    /// <param name="cancellationToken">Ends it early and frees its pages.</param>
    public async Task<VerifyResult> VerifyAsync(
        Trajectory trajectory, IProgress<ReplayProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        long version = engine.Model.WeightVersion;
        VerifyResult result;
        try
        {
            result = TrajectoryAuditor.FindStructureProblem(trajectory) is { } problem
                ? Result(trajectory, VerifyOutcome.RecordChanged, problem)
                : await CompareAsync(trajectory, progress, cancellationToken);
        }
        catch (EngineException exception)
        {
            result = Result(trajectory, VerifyOutcome.Refused, exception.Message);
        }

        if (engine.Model.WeightVersion != version)
            result = Result(trajectory, VerifyOutcome.OtherWeights, $"The engine's weights changed from version {version} to {engine.Model.WeightVersion} meanwhile; verify it again.");
        return result with { WeightVersion = version, Milliseconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 3) };
    }

    private async Task<VerifyResult> CompareAsync(Trajectory trajectory, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        if (trajectory.Model.TokenizerHash != format.Tokenizer.Hash)
        {
            return Result(
                trajectory, VerifyOutcome.OtherTokenizer, $"It was made with the tokenizer {trajectory.Model.TokenizerHash}, but the model's is {format.Tokenizer.Hash}.");
        }

        IReadOnlyList<ScoredToken>[] scores = await ScoreAsync(trajectory, cancellationToken);
        LogprobComparison comparison = new();
        for (int i = 0; i < scores.Length; i++)
            comparison.Add(trajectory.Sequences[i], i, scores[i]);
        IReadOnlyList<LogprobDifference>? differences = comparison.AllEqual ? null : comparison.ByVersion;
        if (differences is not null && FindOtherWeights(trajectory) is { } other)
            return Result(trajectory, VerifyOutcome.OtherWeights, other) with { LogprobDifferences = differences };

        TokenDifference? first = await FindDifferenceAsync(trajectory, scores, progress, cancellationToken);
        if (first is not null)
            return Result(trajectory, VerifyOutcome.Differs, Describe(first)) with { FirstDifference = first, LogprobDifferences = differences };
        return RecordCheck.FindProblem(trajectory, format) is { } problem
            ? Result(trajectory, VerifyOutcome.RecordChanged, $"The engine does the same, but the record does not hold: {problem}")
            : Result(trajectory, VerifyOutcome.BitExact, "The engine samples the same tokens with the same log-probabilities, to the bit.");
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

    /// <summary>Why the engine's weights are not those of the trajectory, as a sentence; null where name and version say that they are.</summary>
    private string? FindOtherWeights(Trajectory trajectory)
    {
        const string Consequence = "log-probabilities are compared, tokens are not";
        if (trajectory.Model.Name != model)
            return $"It was sampled by '{trajectory.Model.Name}', but the model is '{model}': {Consequence}.";
        long[] versions = [.. trajectory.Sequences.SelectMany(sequence => sequence.Segments).Select(segment => segment.WeightVersion).OfType<long>().Distinct()];
        return versions.All(version => version == engine.Model.WeightVersion)
            ? null
            : $"It was sampled by weight version {string.Join(", ", versions)}, but the engine has version {engine.Model.WeightVersion}: {Consequence}.";
    }

    private int[] StopTokenIds() => [.. engine.Model.StopTokenIds.Union(format.EndOfTurnIds)];

    private async Task<IReadOnlyList<ScoredToken>[]> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ILookup<int, SampledSpan> spans = SampledSpan.Of(trajectory).ToLookup(span => span.Sequence);
        IReadOnlyList<ScoredToken>[] scores = new IReadOnlyList<ScoredToken>[trajectory.Sequences.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = !spans.Contains(i) ? [] : await engine.ScoreAsync(
                new ScoreRequest
                {
                    Tokens = trajectory.Sequences[i].TokenIds,
                    Sampling = trajectory.Sampling,
                    Starts = [.. spans[i].Select(span => span.Start)],
                    StopTokenIds = StopTokenIds(),
                },
                cancellationToken);
        }

        return scores;
    }

    private async Task<TokenDifference?> FindDifferenceAsync(
        Trajectory trajectory, IReadOnlyList<ScoredToken>[] scores, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        List<SampledSpan> spans = SampledSpan.Of(trajectory);
        for (int i = 0; i < spans.Count; i++)
        {
            if (await CompareTurnAsync(trajectory, spans[i], scores[spans[i].Sequence], cancellationToken) is { } difference)
                return difference;
            progress?.Report(new ReplayProgress(i + 1, spans.Count));
        }

        return null;
    }

    private async Task<TokenDifference?> CompareTurnAsync(
        Trajectory trajectory, SampledSpan span, IReadOnlyList<ScoredToken> scores, CancellationToken cancellationToken)
    {
        TrajectorySequence sequence = trajectory.Sequences[span.Sequence];
        int position = span.Start;
        await foreach (TokenChunk chunk in engine.GenerateAsync(Request(trajectory, span.Sequence, span.Start, span.Length), cancellationToken))
        {
            for (int i = 0; i < chunk.Tokens.Length; i++, position++)
            {
                ScoredToken again = new(chunk.Tokens.Span[i], chunk.Logprobs.Span[i], (chunk.SamplingLogprobs ?? chunk.Logprobs).Span[i]);
                if (KindOf(sequence, position, again) is { } kind)
                    return await DifferenceAsync(trajectory, span, position, kind, scores[position - 1], again, cancellationToken);
            }
        }

        return position == span.End
            ? null
            : await DifferenceAsync(trajectory, span, position, DifferenceKind.End, scores[position - 1], again: null, cancellationToken);
    }

    private GenerationRequest Request(Trajectory trajectory, int sequence, int start, int count) => new()
    {
        Id = trajectory.Id,
        Tokens = trajectory.Sequences[sequence].TokenIds.AsMemory(0, start),
        MaxNewTokens = count,
        Sampling = trajectory.Sampling,
        Seed = (ulong)TrajectorySeed.OfSequence(trajectory.Seed, sequence),
        StopTokenIds = StopTokenIds(),
        FairnessKey = FairnessKey,
        Priority = Priority,
    };

    private static DifferenceKind? KindOf(TrajectorySequence sequence, int position, ScoredToken again) =>
        sequence.TokenIds[position] != again.Token ? DifferenceKind.Token
        : sequence.Logprobs[position] is { } logprob && !Bits.Same(logprob, again.Logprob) ? DifferenceKind.Logprob
        : sequence.SamplingLogprobs?[position] is { } sampling && !Bits.Same(sampling, again.SamplingLogprob) ? DifferenceKind.SamplingLogprob
        : null;

    /// <param name="trajectory">What is verified.</param>
    /// <param name="span">Its turn.</param>
    /// <param name="position">Of the difference.</param>
    /// <param name="kind">What is different.</param>
    /// <param name="score">What the engine gives the recorded token.</param>
    /// <param name="again">What the engine samples; null where it ended the turn before.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    private async Task<TokenDifference> DifferenceAsync(
        Trajectory trajectory, SampledSpan span, int position, DifferenceKind kind, ScoredToken score, ScoredToken? again, CancellationToken cancellationToken)
    {
        TrajectorySequence sequence = trajectory.Sequences[span.Sequence];
        List<int> likeliest = [];
        GenerationRequest request = Request(trajectory, span.Sequence, position, count: 1) with { TopLogprobs = GenerationRequest.MaxTopLogprobs };
        await foreach (TokenChunk chunk in engine.GenerateAsync(request, cancellationToken))
            likeliest.AddRange((chunk.TopLogprobs ?? default).ToArray().Select(top => top.Token));

        ComparedToken recorded = Compared(sequence.TokenIds[position], sequence.Logprobs[position], sequence.SamplingLogprobs?[position], score.Logprob);
        ComparedToken? replayed = again is not { } token
            ? null
            : Compared(token.Token, token.Logprob, trajectory.Sampling.IsRaw ? null : token.SamplingLogprob, token.Logprob);
        return new TokenDifference(span.Sequence, position, span.Turn, kind, recorded, replayed);

        ComparedToken Compared(int id, float? logprob, float? sampling, float engineLogprob) => new(
            id, format.Tokenizer.Describe(id), logprob, sampling, engineLogprob, likeliest.IndexOf(id) is >= 0 and var index ? index + 1 : null);
    }

    private static string Describe(TokenDifference difference)
    {
        (ComparedToken recorded, ComparedToken? replayed) = (difference.Recorded, difference.Replayed);
        string place = $"Token {difference.Position} of sequence {difference.Sequence}, in turn {difference.Turn},";
        return difference.Kind switch
        {
            DifferenceKind.End => Say($"{place} is {Name(recorded)}, but the engine has ended the turn before it."),
            DifferenceKind.Token => Say($"{place} is {Name(recorded)} (rank {Rank(recorded)}, log-probability {recorded.EngineLogprob:R}), but the engine samples {Name(replayed!)} (rank {Rank(replayed!)}, log-probability {replayed!.EngineLogprob:R})."),
            DifferenceKind.Logprob => Say($"{place} {Name(recorded)} of rank {Rank(recorded)}, has the log-probability {recorded.Logprob:R}, but the engine computes {replayed!.Logprob:R}."),
            _ => Say($"{place} {Name(recorded)} of rank {Rank(recorded)}, has the sampling log-probability {recorded.SamplingLogprob:R}, but the engine computes {replayed!.SamplingLogprob:R}."),
        };

        static string Name(ComparedToken token) => $"{token.TokenId} '{token.Text}'";

        static string Rank(ComparedToken token) => token.Rank?.ToString(CultureInfo.InvariantCulture) ?? $"above {GenerationRequest.MaxTopLogprobs}";
    }

    private static string Say(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
