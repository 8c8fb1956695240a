using System.Text.Json.Serialization;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Capture;

/// <summary>The sessions of a rollout that agents outside play.</summary>
/// <param name="RolloutId">The rollout, whose trajectories they become.</param>
/// <param name="Sessions">Task by task, the samples of each in order.</param>
internal sealed record SessionsResponse(string RolloutId, IReadOnlyList<SessionResponse> Sessions);

/// <summary>A session's state.</summary>
internal sealed record SessionResponse
{
    /// <summary>The session, and the trajectory that it becomes.</summary>
    public required string Id { get; init; }

    public required string RolloutId { get; init; }

    public required string GroupId { get; init; }

    public required string TaskId { get; init; }

    /// <summary>Position within the group, from 0.</summary>
    public required int SampleIndex { get; init; }

    public required SessionState State { get; init; }

    /// <summary>The trajectory's status; null while the session is open.</summary>
    public required TrajectoryStatus? Status { get; init; }

    /// <summary>Turns that were asked for.</summary>
    public required int Turns { get; init; }

    /// <summary>Turns that are sampled now.</summary>
    public required int Running { get; init; }

    /// <summary>Token sequences.</summary>
    public required int Sequences { get; init; }

    /// <summary>How its calls went on with what was recorded.</summary>
    public required CaptureDrift Drift { get; init; }

    /// <summary>The rewards so far; null before the first.</summary>
    public required IReadOnlyDictionary<string, double>? Rewards { get; init; }

    /// <summary>What the agent presents; told where sessions are started only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    /// <summary>The base URL of OpenAI's clients; told where sessions are started only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OpenaiBaseUrl { get; init; }

    /// <summary>The base URL of Anthropic's clients; told where sessions are started only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AnthropicBaseUrl { get; init; }
}

/// <summary>Whether a session takes calls.</summary>
[JsonConverter(typeof(SnakeCaseEnum<SessionState>))]
internal enum SessionState
{
    /// <summary>It takes calls.</summary>
    Open,

    /// <summary>Its trajectory is sealed and stored.</summary>
    Ended,
}

/// <summary>The rewards of a session.</summary>
internal sealed record RewardBody
{
    /// <summary>One reward, the component <c>reward</c>.</summary>
    public double? Reward { get; set; }

    /// <summary>Rewards by name, in place of one.</summary>
    public IReadOnlyDictionary<string, double>? Components { get; set; }
}
