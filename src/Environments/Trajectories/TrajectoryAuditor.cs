using AgentRollout.Environments.Loop;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Checks a trajectory from its record alone: schema, structure, bookkeeping and digest.</summary>
public static class TrajectoryAuditor
{
    /// <summary>The first thing that is wrong, as one sentence, or null where nothing is.</summary>
    public static string? FindProblem(Trajectory trajectory) =>
        FindHeaderProblem(trajectory)
        ?? FindSequenceProblem(trajectory)
        ?? FindParentProblem(trajectory)
        ?? FindCallProblem(trajectory)
        ?? FindDigestProblem(trajectory)
        ?? FindAuditProblem(trajectory.Audit);

    private static string? FindHeaderProblem(Trajectory trajectory)
    {
        if (trajectory.Schema != Trajectory.SchemaName)
            return $"Schema '{trajectory.Schema}' is unknown; known schema: {Trajectory.SchemaName}.";
        if (trajectory.Status != trajectory.StopReason.ToStatus())
            return $"Status {trajectory.Status} does not go with stop reason {trajectory.StopReason}.";
        if (trajectory.Status == TrajectoryStatus.Failed != trajectory.Failure is not null)
            return $"Status {trajectory.Status} {(trajectory.Failure is null ? "lacks its" : "has a")} failure.";
        double? reward = trajectory.Status switch
        {
            TrajectoryStatus.Completed => trajectory.RewardComponents.Values.Sum(),
            TrajectoryStatus.Truncated => 0,
            _ => null,
        };
        return trajectory.Reward == reward
            ? null
            : $"Reward {trajectory.Reward} is not the {reward} of its components.";
    }

    /// <summary>The first thing that is wrong with lengths and segments of its sequences, without which nothing else can be read; null where nothing is.</summary>
    internal static string? FindStructureProblem(Trajectory trajectory)
    {
        if (trajectory.Sequences is [])
            return "There is no sequence.";
        for (int i = 0; i < trajectory.Sequences.Count; i++)
        {
            TrajectorySequence sequence = trajectory.Sequences[i];
            if (SequenceAudit.FindStructureProblem(sequence) is { } problem)
                return $"In sequence {i}, {problem}.";
            if (i == 0 != sequence.StartedBecause is null)
                return $"Sequence {i} {(i == 0 ? "says" : "does not say")} why it was started.";
        }

        return null;
    }

    private static string? FindSequenceProblem(Trajectory trajectory)
    {
        if (FindStructureProblem(trajectory) is { } broken)
            return broken;
        IReadOnlyList<int[]> masks = TrajectoryMask.Compute(trajectory.MaskPolicy, trajectory.Sequences, trajectory.ToolCalls);
        for (int i = 0; i < masks.Count; i++)
        {
            if (SequenceAudit.FindTokenProblem(trajectory.Sequences[i], masks[i], trajectory.Audit) is { } problem)
                return $"In sequence {i}, {problem}.";
        }

        return null;
    }

    /// <summary>A fork has all turns of its parent before its own, but it may have been cut before its first.</summary>
    private static string? FindParentProblem(Trajectory trajectory) => trajectory.Parent switch
    {
        null => null,
        { TrajectoryId: var id } when id == trajectory.Id => $"Its parent is '{id}', which is itself.",
        { Turn: var turn } when turn < 1 || turn > trajectory.Turns + 1 => $"It was forked at turn {turn}, but has {trajectory.Turns} turns.",
        _ => null,
    };

    private static string? FindCallProblem(Trajectory trajectory)
    {
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (TrajectoryToolCall call in trajectory.ToolCalls)
        {
            if (!ids.Add(call.Id))
                return $"Tool call id '{call.Id}' is used twice.";
            if (call.Sequence < 0 || call.Sequence >= trajectory.Sequences.Count)
                return $"Tool call '{call.Id}' points to sequence {call.Sequence} of {trajectory.Sequences.Count}.";
            if (!IsSampledSpan(trajectory.Sequences[call.Sequence], call))
                return $"Tool call '{call.Id}' has the token span [{string.Join(", ", call.TokenSpan)}], which was not sampled in turn {call.Turn}.";
        }

        string? unknown = trajectory.Sequences
            .SelectMany(sequence => sequence.Segments)
            .SelectMany(segment => segment.CallIds ?? [])
            .FirstOrDefault(id => !ids.Contains(id));
        return unknown is null ? null : $"An observation answers the tool call '{unknown}', which is not there.";
    }

    private static bool IsSampledSpan(TrajectorySequence sequence, TrajectoryToolCall call)
    {
        if (call.TokenSpan is not [var start, var end] || start >= end)
            return false;
        int position = start;
        foreach (TokenSegment segment in sequence.Segments)
        {
            if (segment.Source == SegmentSource.Sampled && segment.Turn == call.Turn && segment.Start <= position && position < segment.End)
                position = Math.Min(end, segment.End);
        }

        return position == end;
    }

    private static string? FindDigestProblem(Trajectory trajectory)
    {
        string digest = TrajectoryDigest.Compute(trajectory.Sequences, trajectory.Reward, trajectory.RewardComponents);
        return trajectory.Digest == digest ? null : $"The digest is {trajectory.Digest}, but the content's is {digest}: it was changed.";
    }

    private static string? FindAuditProblem(TrajectoryAudit audit) =>
        !audit.TokenExact ? "Its own audit says that it is not token-exact."
        : !audit.MaskExact ? "Its own audit says that its mask is not exact."
        : audit.MissingLogprobs?.FirstOrDefault(word => word is not (TrajectoryAudit.Raw or TrajectoryAudit.Sampling)) is { } unknown
            ? $"Its own audit says that log-probabilities '{unknown}' are missing; known words: {TrajectoryAudit.Raw}, {TrajectoryAudit.Sampling}."
        : audit.Template == TrajectoryAudit.Consistent != audit.FirstDifference is null
            ? $"Its own audit says '{audit.Template}' and {(audit.FirstDifference is null ? "shows no" : "shows a")} difference."
        : null;
}
