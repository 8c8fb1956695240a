namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>
/// Tools whose latency is log-normal, median 1 s and 99th percentile 30 s, so that its mean is 2.9 s. The latency of a call follows from its place, so that
/// every way of playing has the same.
/// </summary>
/// <param name="Concurrency">Trajectories in play at once, and those of a batch in lock-step.</param>
/// <param name="Batches">How many times as many are played.</param>
/// <param name="Scale">What all times are divided by.</param>
internal sealed record HeavyTailLoad(int Concurrency, int Batches, double Scale)
{
    private const double MedianSeconds = 1;
    private const double P99Seconds = 30;
    private const int Seed = 1;

    /// <summary>The 99th percentile of the standard normal distribution.</summary>
    private const double NormalP99 = 2.3263478740408408;

    public int Trajectories => Concurrency * Batches;

    /// <summary>The times, scaled down, that so many calls take.</summary>
    public IReadOnlyList<TimeSpan> Draw(int count)
    {
        double sigma = Math.Log(P99Seconds / MedianSeconds) / NormalP99;
        Random random = new(Seed);
        return [.. Enumerable.Range(0, count).Select(_ => TimeSpan.FromSeconds(MedianSeconds * Math.Exp(sigma * Normal(random)) / Scale))];
    }

    /// <summary>Box and Muller's transformation.</summary>
    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
