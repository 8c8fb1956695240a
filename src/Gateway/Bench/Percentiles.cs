namespace AgentRollout.Gateway.Bench;

/// <summary>The middle and the upper end of measured times.</summary>
internal sealed record Percentiles(double Median, double P99)
{
    /// <summary>Of at least one time, in milliseconds.</summary>
    public static Percentiles Of(IEnumerable<TimeSpan> measured)
    {
        double[] sorted = [.. measured.Select(time => time.TotalMilliseconds).Order()];
        return new Percentiles(At(sorted, 0.5), At(sorted, 0.99));
    }

    private static double At(double[] sorted, double share) => Math.Round(sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))], 3);
}
