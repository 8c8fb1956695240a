using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments;

/// <summary>
/// A single-use episode: begins from its task, answers assistant turns that call no tool, and ends. One instance plays one trajectory
/// and is disposed with it. Calls come one after the other, never at once.
/// </summary>
public interface IEnvironment : IAsyncDisposable
{
    /// <summary>The first messages: system prompt and user message, or whatever the task calls for.</summary>
    ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken);

    /// <summary>Answers an assistant turn without tool calls: further messages, or the end with its rewards.</summary>
    ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken);
}
