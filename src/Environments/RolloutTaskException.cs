namespace AgentRollout.Environments;

/// <summary>A task cannot be used; the message names the task, the bad member and what is expected.</summary>
public sealed class RolloutTaskException(string message) : Exception(message);
