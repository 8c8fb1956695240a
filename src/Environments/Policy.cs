using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments;

/// <summary>The model that plays: an engine that continues its tokens, and the chat format that speaks its language.</summary>
/// <param name="Name">The model's name in trajectories and requests.</param>
/// <param name="Engine">Continues token sequences.</param>
/// <param name="Format">Messages to tokens and back.</param>
public sealed record Policy(string Name, ITokenEngine Engine, ChatFormat Format);
