using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Storage;

/// <summary>An accepted rollout as it is stored.</summary>
/// <param name="Id">The rollout's id.</param>
/// <param name="State">Where it is.</param>
/// <param name="Request">The accepted request with its defaults filled in, as JSON.</param>
/// <param name="CreatedAt">When it was accepted.</param>
/// <param name="StartedAt">When it began to play, or null.</param>
/// <param name="EndedAt">When it reached its terminal state, or null.</param>
/// <param name="CancelRequested">Whether somebody cancelled it.</param>
/// <param name="Error">Why it failed, or null.</param>
internal sealed record RolloutRow(
    string Id,
    RolloutState State,
    byte[] Request,
    DateTimeOffset CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt,
    bool CancelRequested,
    string? Error);
