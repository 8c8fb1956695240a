namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>The middle and the upper end of measurements, in milliseconds.</summary>
internal sealed record Percentiles(double Median, double P99)
{
    /// <summary>Of at least one value.</summary>
    public static Percentiles Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        return new Percentiles(At(sorted, 0.5), At(sorted, 0.99));
    }

    private static double At(double[] sorted, double share) => Math.Round(sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))], 3);
}
