using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>One token of a trajectory with everything that is known about it.</summary>
/// <param name="Id">The id.</param>
/// <param name="Source">Who produced it.</param>
/// <param name="Counts">Whether its loss mask is 1.</param>
/// <param name="Origin">Which of the trajectory's messages says it; null where the chat format does not render the recorded tokens.</param>
public readonly record struct TrajectoryToken(int Id, SegmentSource Source, bool Counts, TokenOrigin? Origin);
