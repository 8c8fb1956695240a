namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Where ids that were made from text first differ from those that the model saw.</summary>
/// <param name="Position">The token's position in what the model saw.</param>
/// <param name="Cause">Why they differ there.</param>
public readonly record struct TokenDrift(int Position, DriftCause Cause);
