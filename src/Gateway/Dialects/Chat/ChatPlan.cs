using AgentRollout.Environments.Capture;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>A chat call that can be run: its prompt is rendered and all of it is checked.</summary>
/// <param name="Call">What was asked for.</param>
/// <param name="Prompt">The prompt.</param>
/// <param name="Answers">One for each choice.</param>
internal sealed record ChatPlan(ChatCall Call, ReadOnlyMemory<int> Prompt, IReadOnlyList<DialectCall> Answers)
{
    /// <summary>The turn of a session that it is; null for a call that nobody records.</summary>
    public CapturedTurn? Turn { get; init; }
}
