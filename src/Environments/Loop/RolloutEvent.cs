using System.Text.Json.Serialization;

namespace AgentRollout.Environments.Loop;

/// <summary>What happens while a rollout plays, for whoever watches. Raised in order per trajectory.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(TrajectoryStarted), "trajectory_started")]
[JsonDerivedType(typeof(TurnStarted), "turn_started")]
[JsonDerivedType(typeof(TokensSampled), "tokens_sampled")]
[JsonDerivedType(typeof(TurnFinished), "turn_finished")]
[JsonDerivedType(typeof(ToolCallStarted), "tool_call_started")]
[JsonDerivedType(typeof(ToolCallFinished), "tool_call_finished")]
[JsonDerivedType(typeof(TrajectorySealed), "trajectory_sealed")]
public abstract record RolloutEvent(string RolloutId, string TrajectoryId);

/// <summary>A trajectory begins.</summary>
public sealed record TrajectoryStarted(string RolloutId, string TrajectoryId, string GroupId, string TaskId, int SampleIndex)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>The engine is asked for an assistant turn.</summary>
/// <param name="RolloutId">The rollout.</param>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="Tokens">The tokens that it continues.</param>
public sealed record TurnStarted(string RolloutId, string TrajectoryId, int Turn, int Tokens)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>The engine sampled tokens.</summary>
/// <param name="RolloutId">The rollout.</param>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="TokenIds">The ids, as sampled.</param>
/// <param name="Logprobs">One raw log-probability per id; empty where the engine does not report them.</param>
/// <param name="Text">The text that these tokens complete; never broken UTF-8, so it may lag behind the ids.</param>
/// <param name="WeightVersion">The weights that sampled them.</param>
public sealed record TokensSampled(
    string RolloutId,
    string TrajectoryId,
    int Turn,
    IReadOnlyList<int> TokenIds,
    IReadOnlyList<float> Logprobs,
    string Text,
    long WeightVersion)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>An assistant turn is complete.</summary>
public sealed record TurnFinished(string RolloutId, string TrajectoryId, int Turn, int SampledTokens, int ToolCalls)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>A tool call is sent to its tool; one that is refused before that has no such event.</summary>
public sealed record ToolCallStarted(string RolloutId, string TrajectoryId, int Turn, string CallId, string Name)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>A tool call has its result; those of a turn finish in any order.</summary>
public sealed record ToolCallFinished(string RolloutId, string TrajectoryId, int Turn, string CallId, string? Name, string? Error, double RunMs)
    : RolloutEvent(RolloutId, TrajectoryId);

/// <summary>A trajectory has ended and is stored.</summary>
public sealed record TrajectorySealed(
    string RolloutId,
    string TrajectoryId,
    TrajectoryStatus Status,
    StopReason StopReason,
    double? Reward,
    int Turns,
    int ToolCalls,
    int SampledTokens)
    : RolloutEvent(RolloutId, TrajectoryId);
