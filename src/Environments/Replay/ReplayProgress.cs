namespace AgentRollout.Environments.Replay;

/// <summary>How far a replay is.</summary>
/// <param name="Done">Parts that are done.</param>
/// <param name="Total">Parts in all: sampled turns, tool calls or samples.</param>
public readonly record struct ReplayProgress(int Done, int Total);
