using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Environments.Loop;

/// <summary>Bounds of every trajectory of a rollout.</summary>
public sealed record RolloutLimits
{
    /// <summary>Most assistant turns. Default 8.</summary>
    [Range(1, 1_000)]
    public int MaxTurns { get; init; } = 8;

    /// <summary>Most tokens of a sequence, prompt included; null for the model's context. Default null.</summary>
    [Range(1, 10_000_000)]
    public int? MaxTokens { get; init; }

    /// <summary>Most tokens sampled in one turn; a turn cut here goes on as it stands. Null for no limit of its own. Default null.</summary>
    [Range(1, 10_000_000)]
    public int? MaxTokensPerTurn { get; init; }

    /// <summary>Most turns with malformed tool calls that are answered with a correction; one more ends the trajectory. Default 1.</summary>
    [Range(0, 100)]
    public int MaxParseRetries { get; init; } = 1;

    /// <summary>Most calls that one turn may make; further ones are each answered with one sentence. Default 16.</summary>
    [Range(1, 1_000)]
    public int MaxToolCallsPerTurn { get; init; } = 16;

    /// <summary>Wall-clock limit of one tool call, queueing included. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan ToolTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Most calls of a trajectory that are sent to tools; null for no limit of its own. Default null.</summary>
    [Range(1, 1_000_000)]
    public int? MaxToolCalls { get; init; }

    /// <summary>Most wall-clock time that a trajectory waits for its tools, queueing included; null for no limit of its own. Default null.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? MaxToolTime { get; init; }

    /// <summary>
    /// Most tokens of tool results that a trajectory reads, apart from the sentences that say that a limit is reached; null for no limit of its
    /// own. Default null.
    /// </summary>
    [Range(ResultLimits.MinTokens, 10_000_000)]
    public int? MaxObservationTokens { get; init; }

    /// <summary>What calls meet once one of the three budgets above is spent. Default <see cref="SpentBudget.Answer"/>.</summary>
    public SpentBudget WhenSpent { get; init; }

    /// <summary>How much of a result the model reads.</summary>
    public ResultLimits Results { get; init; } = new();

    /// <summary>The same by name for tools with limits of their own. Default none.</summary>
    public IReadOnlyDictionary<string, ResultLimits> ResultsByTool { get; init; } = FrozenDictionary<string, ResultLimits>.Empty;

    /// <summary>Wall-clock limit of a trajectory. Default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How much of a tool's result the model reads.</summary>
    public ResultLimits ResultsOf(string tool) => ResultsByTool.GetValueOrDefault(tool, Results);
}
