namespace AgentRollout.Gateway.Delivery;

/// <summary>Sorts candidates into those that a lease takes and those that its filters drop.</summary>
internal sealed class LeaseSelection(TakeOrder order)
{
    private readonly FilterBody _filters = order.Body.Filters;
    private readonly List<Candidate> _taken = [];
    private readonly List<(Candidate Candidate, DropReason Reason)> _dropped = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private int _units;

    /// <summary>What the lease takes.</summary>
    public IReadOnlyList<Candidate> Taken => _taken;

    /// <summary>How many trajectories or groups may still be taken.</summary>
    public int Missing => order.Body.Count - _units;

    /// <summary>Groups looked at so far.</summary>
    public int GroupCount => _seen.Count;

    /// <summary>The last trajectory looked at.</summary>
    public long LastOrdinal { get; private set; }

    /// <summary>How many were dropped so far.</summary>
    public int DroppedCount { get; private set; }

    public bool HasSeen(string group) => _seen.Contains(group);

    public void See(string group) => _seen.Add(group);

    /// <summary>Sorts a page of candidates, groups one after the other.</summary>
    public void Sort(IReadOnlyList<Candidate> page)
    {
        if (page.Count > 0)
            LastOrdinal = page.Max(candidate => candidate.Ordinal);
        if (order.Body.Unit == LeaseUnit.Trajectory)
        {
            foreach (Candidate candidate in page)
                _units += Usable([candidate]).Count;
            return;
        }

        foreach (IGrouping<string, Candidate> group in page.GroupBy(candidate => candidate.GroupId))
            SortGroup([.. group]);
    }

    /// <summary>What was dropped since the last time.</summary>
    public IReadOnlyList<(Candidate Candidate, DropReason Reason)> TakeDropped()
    {
        (Candidate, DropReason)[] dropped = [.. _dropped];
        _dropped.Clear();
        return dropped;
    }

    private void SortGroup(IReadOnlyList<Candidate> group)
    {
        int before = _taken.Count;
        List<Candidate> usable = Usable(group);
        DropReason? reason = usable.Count < (_filters.MinGroupSize ?? 1) ? DropReason.SmallGroup
            : _filters.DropEqualRewards && usable.Select(candidate => candidate.Reward).Distinct().Count() == 1 ? DropReason.EqualRewards
            : null;
        if (reason is null)
        {
            _units++;
            return;
        }

        _taken.RemoveRange(before, _taken.Count - before);
        foreach (Candidate candidate in usable)
            Drop(candidate, reason.Value);
    }

    /// <summary>Takes those that pass on their own, and returns them.</summary>
    private List<Candidate> Usable(IEnumerable<Candidate> candidates)
    {
        List<Candidate> usable = [];
        foreach (Candidate candidate in candidates)
        {
            if (candidate.IsLate)
                Drop(candidate, DropReason.Late);
            else if (!_filters.Statuses.Contains(candidate.Status))
                Drop(candidate, DropReason.Status);
            else if (order.WeightVersion - candidate.WeightVersion > _filters.MaxStaleness)
                Drop(candidate, DropReason.Stale);
            else
                usable.Add(candidate);
        }

        _taken.AddRange(usable);
        return usable;
    }

    private void Drop(Candidate candidate, DropReason reason)
    {
        _dropped.Add((candidate, reason));
        DroppedCount++;
    }
}
