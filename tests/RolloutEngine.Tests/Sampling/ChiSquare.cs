namespace AgentRollout.RolloutEngine.Tests.Sampling;

/// <summary>Pearson's test of counts against probabilities.</summary>
internal static class ChiSquare
{
    public static double Of(IReadOnlyList<int> counts, IEnumerable<double> probabilities)
    {
        int total = counts.Sum();
        return counts.Zip(probabilities, (count, p) => p == 0 ? (count == 0 ? 0 : double.PositiveInfinity) : Math.Pow(count - total * p, 2) / (total * p)).Sum();
    }

    /// <summary>A limit that a right distribution exceeds about once in 30 000 times (Wilson and Hilferty, 4 standard deviations).</summary>
    public static double Limit(int degreesOfFreedom)
    {
        double spread = 2.0 / (9 * degreesOfFreedom);
        return degreesOfFreedom * Math.Pow(1 - spread + 4 * Math.Sqrt(spread), 3);
    }
}
