using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>The part of a batch that belongs to one sequence.</summary>
/// <param name="Sequence">Whose tokens they are.</param>
/// <param name="Tokens">How many tokens.</param>
/// <param name="Outputs">How many of the batch's results, in order.</param>
internal readonly record struct ScheduledChunk(Sequence Sequence, int Tokens, int Outputs);
