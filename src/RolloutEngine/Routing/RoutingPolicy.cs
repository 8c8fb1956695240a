namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// Where a request goes: a function of what is known of the engines, and of nothing else. Affinity with bounded loads: an engine that has something
/// computed for the request is taken unless it has too much to do already, and then, as where nothing is computed, the one with the least.
/// </summary>
public static class RoutingPolicy
{
    /// <summary>The engine of the request; null where none can take it now.</summary>
    /// <param name="engines">All there are.</param>
    /// <param name="newestVersion">The weights that engines must have, unless stale ones are allowed.</param>
    /// <param name="options">The bounds.</param>
    public static RoutingChoice? Choose(IReadOnlyList<EngineView> engines, long newestVersion, RoutingOptions options)
    {
        Span<int> candidates = stackalloc int[Math.Min(engines.Count, 256)];
        if (engines.Count > candidates.Length)
            candidates = new int[engines.Count];
        int count = 0, leastLoaded = -1;
        long total = 0;
        for (int i = 0; i < engines.Count; i++)
        {
            EngineView engine = engines[i];
            if (!engine.IsServing || (engine.WeightVersion < newestVersion && !options.AllowStale))
                continue;
            candidates[count++] = i;
            total += engine.Load;
            if (leastLoaded < 0 || HasLess(engine, engines[leastLoaded]))
                leastLoaded = i;
        }

        if (count == 0)
            return null;
        double bound = Math.Ceiling(options.LoadBound * (total + 1) / count);
        return FindAffinity(engines, candidates[..count], bound, options.LoadFloor, out bool isOverloaded)
            ?? new RoutingChoice(leastLoaded, isOverloaded ? RoutingReason.Overload : RoutingReason.Load);
    }

    private static RoutingChoice? FindAffinity(
        IReadOnlyList<EngineView> engines, ReadOnlySpan<int> candidates, double bound, int floor, out bool isOverloaded)
    {
        isOverloaded = false;
        int group = -1, prefix = -1;
        foreach (int i in candidates)
        {
            EngineView engine = engines[i];
            if (engine.HoldsTrajectory && engine.Load < Math.Max(bound, floor))
                return new RoutingChoice(i, RoutingReason.Trajectory);
            bool isOpen = engine.Load < bound;
            isOverloaded |= !isOpen && (engine.HoldsTrajectory || engine.HoldsGroup || engine.PrefixTokens > 0);
            if (isOpen && engine.HoldsGroup)
                group = i;
            if (isOpen && engine.PrefixTokens > 0 && (prefix < 0 || HoldsMore(engine, engines[prefix])))
                prefix = i;
        }

        return prefix >= 0 && (group < 0 || engines[prefix].PrefixTokens > engines[group].PrefixTokens) ? new RoutingChoice(prefix, RoutingReason.Prefix)
            : group >= 0 ? new RoutingChoice(group, RoutingReason.Group)
            : null;
    }

    private static bool HoldsMore(in EngineView engine, in EngineView other) =>
        engine.PrefixTokens > other.PrefixTokens || (engine.PrefixTokens == other.PrefixTokens && HasLess(engine, other));

    private static bool HasLess(in EngineView engine, in EngineView other) =>
        engine.Load < other.Load || (engine.Load == other.Load && engine.Requests < other.Requests);
}

/// <summary>What a decision looks at of one engine.</summary>
/// <param name="IsServing">Whether it answers and takes new requests.</param>
/// <param name="WeightVersion">Of its weights.</param>
/// <param name="Load">Requests that it has, those of others included.</param>
/// <param name="Requests">All that it was ever sent; parts engines that have as much to do.</param>
/// <param name="HoldsTrajectory">Whether it had the last request with the same <see cref="GenerationRequest.CacheKey"/>.</param>
/// <param name="HoldsGroup">Whether it had the first request with the same <see cref="GenerationRequest.GroupKey"/>.</param>
/// <param name="PrefixTokens">How many of the first tokens it was sent before.</param>
public readonly record struct EngineView(
    bool IsServing, long WeightVersion, int Load, long Requests, bool HoldsTrajectory, bool HoldsGroup, int PrefixTokens);

/// <summary>A decision.</summary>
/// <param name="Engine">Its index.</param>
/// <param name="Reason">Why that one.</param>
public readonly record struct RoutingChoice(int Engine, RoutingReason Reason);

/// <summary>Why an engine was chosen.</summary>
public enum RoutingReason
{
    /// <summary>Nothing is computed anywhere, and it has the least to do.</summary>
    Load,

    /// <summary>It had the trajectory's last turn.</summary>
    Trajectory,

    /// <summary>It had another sample of the group.</summary>
    Group,

    /// <summary>It was sent the longest of the request's beginnings.</summary>
    Prefix,

    /// <summary>Another one has something computed, but too much to do already.</summary>
    Overload,
}
