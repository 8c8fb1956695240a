namespace AgentRollout.Gateway.Bench;

/// <summary>The middle of measurements, which the noise of a shared machine moves least.</summary>
internal static class Median
{
    /// <summary>Of at least one value; the mean of the middle two where their number is even.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
