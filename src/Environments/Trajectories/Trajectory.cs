using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Environments.Loop;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>
/// One episode as it happened. The record is the wire format <c>agentrollout.trajectory/1</c> (docs/trajectory-format.md): renaming a
/// member changes the contract.
/// </summary>
public sealed record Trajectory
{
    public const string SchemaName = "agentrollout.trajectory/1";

    public string Schema { get; init; } = SchemaName;

    public required string Id { get; init; }

    public required string RolloutId { get; init; }

    public required string GroupId { get; init; }

    /// <summary>Position within the group, from 0.</summary>
    public required int SampleIndex { get; init; }

    /// <summary>What it is a fork of; left out of the JSON where it began by itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TrajectoryParent? Parent { get; init; }

    public required TrajectoryTask Task { get; init; }

    public required TrajectoryModel Model { get; init; }

    /// <summary>Seed of the sampling noise, in [0, 2^53).</summary>
    public required long Seed { get; init; }

    public required SamplingParams Sampling { get; init; }

    /// <summary>Which sampled tokens have loss mask 1; left out of the JSON where it is all of them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public MaskPolicy MaskPolicy { get; init; }

    /// <summary>The tools as the template rendered them.</summary>
    public required IReadOnlyList<FunctionSchema> Tools { get; init; }

    public required TrajectoryStatus Status { get; init; }

    public required StopReason StopReason { get; init; }

    /// <summary>Sum of the components; 0 where the trajectory was truncated, null where it was aborted or failed.</summary>
    public required double? Reward { get; init; }

    public required IReadOnlyDictionary<string, double> RewardComponents { get; init; }

    public required IReadOnlyList<TrajectorySequence> Sequences { get; init; }

    /// <summary>The conversation; text is derived from the tokens, never the reverse.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    public required IReadOnlyList<TrajectoryToolCall> ToolCalls { get; init; }

    public required TrajectoryTimings Timings { get; init; }

    public required RolloutFailure? Failure { get; init; }

    /// <summary>Where turns went on at another engine of a fleet, because the one before was lost; left out of the JSON where none did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<EngineMove>? EngineMoves { get; init; }

    /// <summary>SHA-256 of the canonical bytes of <see cref="TrajectoryDigest"/>.</summary>
    public required string Digest { get; init; }

    public required TrajectoryAudit Audit { get; init; }

    /// <summary>Assistant turns, the last of which may be cut.</summary>
    [JsonIgnore]
    public int Turns => Sequences.Sum(sequence =>
        sequence.Segments.Where(segment => segment.Source == SegmentSource.Sampled).Select(segment => segment.Turn).Distinct().Count());

    /// <summary>Tokens with loss mask 1.</summary>
    [JsonIgnore]
    public int SampledTokens => Sequences.Sum(sequence => sequence.LossMask.Sum());
}

/// <summary>Where a fork left the trajectory that it goes on from.</summary>
/// <param name="TrajectoryId">The parent.</param>
/// <param name="Turn">The first turn of the fork's own, from 1; the turns before it are the parent's.</param>
public sealed record TrajectoryParent(string TrajectoryId, int Turn);

/// <summary>A turn's change to another engine.</summary>
/// <param name="Sequence">Index of the sequence.</param>
/// <param name="Position">The first token that the other engine sampled.</param>
/// <param name="From">The engine that was lost.</param>
/// <param name="To">The other one.</param>
public sealed record EngineMove(int Sequence, int Position, string From, string To);

/// <summary>The task that was played.</summary>
public sealed record TrajectoryTask(string Id, string Environment, JsonElement Data);

/// <summary>What generated the trajectory.</summary>
public sealed record TrajectoryModel(string Name, string TokenizerHash, string TemplateHash);

/// <summary>One append-only run of tokens that the model saw. All arrays have one length.</summary>
public sealed record TrajectorySequence
{
    public required int[] TokenIds { get; init; }

    /// <summary>1 for the sampled tokens that the trajectory's mask policy counts, else 0.</summary>
    public required int[] LossMask { get; init; }

    /// <summary>Raw natural log-probability of each sampled token; null where the mask is 0.</summary>
    public required float?[] Logprobs { get; init; }

    /// <summary>The same in the distribution sampled from; null as a whole where that was the raw one.</summary>
    public required float?[]? SamplingLogprobs { get; init; }

    /// <summary>Why this is not the continuation of the sequence before; null for the first.</summary>
    public required string? StartedBecause { get; init; }

    public required IReadOnlyList<TokenSegment> Segments { get; init; }
}

/// <summary>An attempted tool call, malformed ones included.</summary>
public sealed record TrajectoryToolCall
{
    public required string Id { get; init; }

    /// <summary>The assistant turn, from 1.</summary>
    public required int Turn { get; init; }

    /// <summary>Null where it could not be read.</summary>
    public required string? Name { get; init; }

    /// <summary>Null where they could not be read.</summary>
    public required JsonElement? Arguments { get; init; }

    /// <summary>Index of the sequence that <see cref="TokenSpan"/> is about.</summary>
    public required int Sequence { get; init; }

    /// <summary>First and past-the-end position of the call's tokens in the sequence.</summary>
    public required int[] TokenSpan { get; init; }

    public required ToolCallStatus Parse { get; init; }

    /// <summary>What the model read; null where the call was never answered.</summary>
    public required string? Result { get; init; }

    /// <summary>UTF-16 units of the full result where the model read less of it; left out of the JSON where it read all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ResultLength { get; init; }

    /// <summary>Null where the tool answered.</summary>
    public required string? Error { get; init; }

    public required int Attempts { get; init; }

    public required double QueueMs { get; init; }

    public required double RunMs { get; init; }

    /// <summary>The sandbox that ran it, where one did: its runtime's name, a slash and its id.</summary>
    public required string? Sandbox { get; init; }
}

/// <summary>How well an attempted call could be used.</summary>
public enum ToolCallStatus
{
    /// <summary>It was read and fits its tool.</summary>
    Ok,

    /// <summary>It could not be read.</summary>
    Malformed,

    /// <summary>No tool of that name is offered.</summary>
    UnknownTool,

    /// <summary>The arguments do not fit the tool's schema.</summary>
    InvalidArguments,
}

/// <summary>Where the time went, in milliseconds.</summary>
public sealed record TrajectoryTimings(
    double QueueMs,
    double PrefillMs,
    double DecodeMs,
    double TokenizeMs,
    double ToolMs,
    double RewardMs,
    double TotalMs);
