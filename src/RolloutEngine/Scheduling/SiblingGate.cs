using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>
/// Holds a sequence back while a running one of its group computes the pages that both begin with: the shared prompt is computed once, and
/// its readers then start together.
/// </summary>
internal sealed class SiblingGate(bool enabled)
{
    /// <summary>Whether the sequence had better wait. Does not change who runs.</summary>
    public bool Holds(Sequence sequence, List<Sequence> running)
    {
        if (!enabled || sequence.GroupKey is null)
            return false;
        if (sequence.Leader is { } leader && IsAhead(leader, sequence.SharedWithLeader))
            return true;
        sequence.Leader = null;
        foreach (Sequence other in running)
        {
            if (other.GroupKey != sequence.GroupKey || other.Pending <= 1)
                continue;
            int shared = SharedPages(sequence, other) * PagePool.PageTokens;
            if (!IsAhead(other, shared))
                continue;
            (sequence.Leader, sequence.SharedWithLeader) = (other, shared);
            return true;
        }

        return false;
    }

    private static bool IsAhead(Sequence leader, int shared) => leader.IsRunning && leader.Computed < shared;

    private static int SharedPages(Sequence sequence, Sequence other)
    {
        ReadOnlySpan<int> wanted = sequence.Known[..sequence.Reusable], coming = other.Known[..other.Target];
        return wanted.CommonPrefixLength(coming) / PagePool.PageTokens;
    }
}
