using AgentRollout.Environments.Builtin;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin;

public sealed class TaskRandomTests
{
    [Fact]
    public void Numbers_stay_between_their_bounds() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Long[-1000, 1000], Gen.Long[0, 1000]).Sample((seed, stream, low, span) =>
        {
            var random = new TaskRandom(seed, stream);
            for (int i = 0; i < 20; i++)
                Assert.InRange(random.Between(low, low + span), low, low + span);
        });

    [Fact]
    public void Every_number_is_drawn_about_as_often()
    {
        var random = new TaskRandom(7, 0);
        int[] counts = new int[10];
        for (int i = 0; i < 10_000; i++)
            counts[random.Between(0, 9)]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }
}
