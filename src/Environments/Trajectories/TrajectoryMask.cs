using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The loss masks that a trajectory's own record asks for.</summary>
internal static class TrajectoryMask
{
    public static IReadOnlyList<int[]> Compute(
        MaskPolicy policy, IReadOnlyList<TrajectorySequence> sequences, IEnumerable<TrajectoryToolCall> calls) =>
        LossMask.Compute(
            policy,
            [.. sequences.Select(sequence => sequence.Segments)],
            calls.Where(call => call.Parse == ToolCallStatus.Malformed).Select(call => call.Turn).ToHashSet());
}
