using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Commands;

/// <summary>The figures of a finished rollout: what <c>rollout --json</c> prints.</summary>
internal sealed record RolloutReport
{
    public required string RolloutId { get; init; }

    public required int Trajectories { get; init; }

    public required int Completed { get; init; }

    public required int Truncated { get; init; }

    public required int Aborted { get; init; }

    public required int Failed { get; init; }

    /// <summary>Mean over the trajectories that have a reward, or null.</summary>
    public required double? MeanReward { get; init; }

    public required int Turns { get; init; }

    public required int ToolCalls { get; init; }

    public required long Tokens { get; init; }

    public required long SampledTokens { get; init; }

    /// <summary>Sampled tokens per second of wall time.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>From the start of the rollout to its end, without loading the model.</summary>
    public required double WallSeconds { get; init; }

    /// <summary>From the start of the process to the first sampled token; null where none was sampled.</summary>
    public required double? FirstTokenSeconds { get; init; }

    /// <summary>Engine time of a turn, its queue included, in milliseconds.</summary>
    public required double EngineMsPerTurn { get; init; }

    public required double ToolMsPerTurn { get; init; }

    /// <summary>What a turn takes besides engine, tools and rewards: rendering, tokenizing, bookkeeping.</summary>
    public required double OverheadMsPerTurn { get; init; }

    public static RolloutReport Of(string id, IReadOnlyList<TrajectorySummary> summaries, TimeSpan wall, TimeSpan? firstToken)
    {
        int turns = summaries.Sum(summary => summary.Turns);
        long sampled = summaries.Sum(summary => (long)summary.SampledTokens);
        double engine = summaries.Sum(summary => summary.Timings.QueueMs + summary.Timings.PrefillMs + summary.Timings.DecodeMs);
        double tools = summaries.Sum(summary => summary.Timings.ToolMs);
        double rest = summaries.Sum(summary => summary.Timings.TotalMs - summary.Timings.RewardMs) - engine - tools;
        return new RolloutReport
        {
            RolloutId = id,
            Trajectories = summaries.Count,
            Completed = summaries.Count(summary => summary.Status == TrajectoryStatus.Completed),
            Truncated = summaries.Count(summary => summary.Status == TrajectoryStatus.Truncated),
            Aborted = summaries.Count(summary => summary.Status == TrajectoryStatus.Aborted),
            Failed = summaries.Count(summary => summary.Status == TrajectoryStatus.Failed),
            MeanReward = summaries.Average(summary => summary.Reward),
            Turns = turns,
            ToolCalls = summaries.Sum(summary => summary.ToolCalls),
            Tokens = summaries.Sum(summary => (long)summary.Tokens),
            SampledTokens = sampled,
            TokensPerSecond = Round(sampled / wall.TotalSeconds),
            WallSeconds = Round(wall.TotalSeconds),
            FirstTokenSeconds = firstToken is { } first ? Round(first.TotalSeconds) : null,
            EngineMsPerTurn = Round(engine / Math.Max(1, turns)),
            ToolMsPerTurn = Round(tools / Math.Max(1, turns)),
            OverheadMsPerTurn = Round(rest / Math.Max(1, turns)),
        };
    }

    public string ToJson() => JsonSerializer.Serialize(this, RolloutReportJson.Default.RolloutReport);

    private static double Round(double value) => Math.Round(value, 3);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RolloutReport))]
internal sealed partial class RolloutReportJson : JsonSerializerContext;
