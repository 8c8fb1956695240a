using AgentRollout.RolloutEngine.Backends.Cpu;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Backends.Cpu;

public sealed class WorkerSetTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_of_a_phase_is_done_once_and_before_the_next_phase_begins(int workers)
    {
        using WorkerSet set = new(workers);
        Random random = new(workers);
        for (int run = 0; run < 300; run++)
        {
            int[][] phases = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => new int[random.Next(1, 40)])];
            set.Run(worker =>
            {
                for (int phase = 0; phase < phases.Length; phase++)
                {
                    while (worker.Next(phases[phase].Length, out int item))
                    {
                        if (phase > 0)
                            Assert.All(phases[phase - 1], times => Assert.Equal(1, times));
                        Interlocked.Increment(ref phases[phase][item]);
                    }
                }
            }, active: random.Next(1, workers + 1));
            Assert.All(phases, phase => Assert.All(phase, times => Assert.Equal(1, times)));
        }
    }

    [Fact]
    public void A_failing_item_fails_the_run_for_all_workers()
    {
        using WorkerSet set = new(3);
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => set.Run(worker =>
        {
            while (worker.Next(50, out int item))
            {
                if (item == 17)
                    throw new FormatException("item 17");
            }

            while (worker.Next(50, out _))
            {
            }
        }, active: 3));
        Assert.IsType<FormatException>(failure.InnerException);
        Assert.Contains("item 17", failure.Message);
    }

    [Fact]
    public void Workers_that_have_gone_to_sleep_wake_up_again()
    {
        using WorkerSet set = new(2);
        for (int run = 0; run < 5; run++)
        {
            Thread.Sleep(30);
            int done = 0;
            HashSet<int> seen = [];
            set.Run(worker =>
            {
                while (worker.Next(2, out _))
                {
                    Interlocked.Increment(ref done);
                    lock (seen)
                        seen.Add(worker.Index);
                    // The other item is left to the other worker, which has to wake up for it.
                    SpinWait.SpinUntil(() => Volatile.Read(ref done) == 2);
                }
            }, active: 2);
            Assert.Equal(2, seen.Count);
        }
    }
}
