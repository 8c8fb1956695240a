namespace AgentRollout.Tools.Verl;

/// <summary>The rate limits of verl's tools, which bound calls in flight and not calls per time.</summary>
internal static class VerlLimits
{
    private const int Most = 65_536;

    /// <summary>Reads <c>num_workers</c>, <c>rate_limit</c> and <c>enable_global_rate_limit</c>.</summary>
    /// <param name="standard">Of the first two.</param>
    public static int MostAtOnce(VerlSection config, int standard)
    {
        int workers = config.Integer("num_workers", standard, 1, Most);
        int limit = config.Integer("rate_limit", standard, 1, Most);
        return config.Flag("enable_global_rate_limit", standard: true) ? Math.Min(workers, limit) : workers;
    }
}
