namespace AgentRollout.Environments;

/// <summary>An environment or a reward cannot be registered; the message names it and its owners.</summary>
public sealed class EnvironmentException(string message) : Exception(message);
