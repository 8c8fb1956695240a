namespace AgentRollout.Environments.Journal;

/// <summary>The journal cannot be kept or read. The trajectory is not over: it goes on from its journal once that can be written again.</summary>
public sealed class JournalException(string message, Exception? cause = null) : Exception(message, cause);
