using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments;

/// <summary>What the model said in one turn, as an environment sees it.</summary>
/// <param name="Number">1 for the first assistant turn of the trajectory.</param>
/// <param name="Message">The parsed message; text is derived from the sampled tokens.</param>
public sealed record AssistantTurn(int Number, ChatMessage Message);
