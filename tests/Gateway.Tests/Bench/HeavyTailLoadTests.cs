using AgentRollout.Gateway.Bench.Loop;
using Xunit;

namespace AgentRollout.Gateway.Tests.Bench;

public sealed class HeavyTailLoadTests
{
    [Fact]
    public void Latencies_have_the_median_and_the_tail_that_are_promised()
    {
        double[] seconds = [.. new HeavyTailLoad(Concurrency: 64, Batches: 4, Scale: 1).Draw(100_000).Select(time => time.TotalSeconds).Order()];

        Assert.InRange(seconds[50_000], 0.97, 1.03);
        Assert.InRange(seconds[99_000], 28, 32);
        Assert.InRange(seconds.Average(), 2.7, 3.1);
    }

    [Fact]
    public void The_scale_divides_every_latency()
    {
        IReadOnlyList<TimeSpan> full = new HeavyTailLoad(Concurrency: 8, Batches: 1, Scale: 1).Draw(100);
        IReadOnlyList<TimeSpan> scaled = new HeavyTailLoad(Concurrency: 8, Batches: 1, Scale: 10).Draw(100);

        for (int i = 0; i < full.Count; i++)
            Assert.Equal(full[i].TotalSeconds / 10, scaled[i].TotalSeconds, tolerance: 1e-6);
    }
}
