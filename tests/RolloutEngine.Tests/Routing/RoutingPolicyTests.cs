using AgentRollout.RolloutEngine.Routing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

public sealed class RoutingPolicyTests
{
    private static readonly RoutingOptions Options = new();

    [Fact]
    public void Random_fleets_get_choices_that_keep_every_promise()
    {
        Random random = new(8);
        Dictionary<RoutingReason, int> reasons = [];
        for (int round = 0; round < 20_000; round++)
        {
            EngineView[] engines = RandomFleet(random);
            long newest = engines.Select(engine => engine.WeightVersion).DefaultIfEmpty().Max();
            RoutingOptions options = Options with { AllowStale = random.Next(4) == 0, LoadBound = 1 + random.NextDouble(), LoadFloor = random.Next(4) };
            RoutingChoice? choice = RoutingPolicy.Choose(engines, newest, options);
            int[] able = [.. Enumerable.Range(0, engines.Length).Where(i => engines[i].IsServing && (options.AllowStale || engines[i].WeightVersion == newest))];
            Assert.Equal(able.Length > 0, choice.HasValue);
            if (choice is not { } chosen)
                continue;
            Assert.Contains(chosen.Engine, able);
            AssertKeepsPromises(engines, able, chosen, options);
            Assert.Equal(choice, RoutingPolicy.Choose(engines, newest, options));
            reasons[chosen.Reason] = reasons.GetValueOrDefault(chosen.Reason) + 1;
        }

        Assert.All(Enum.GetValues<RoutingReason>(), reason => Assert.True(reasons.GetValueOrDefault(reason) > 100, $"{reason}"));
    }

    [Fact]
    public void Loads_stay_within_the_bound_whatever_the_affinities_are()
    {
        Random random = new(9);
        for (int round = 0; round < 200; round++)
        {
            int[] loads = new int[random.Next(1, 9)];
            RoutingOptions options = Options with { LoadFloor = 0 };
            for (int request = 0; request < 200; request++)
            {
                int favourite = random.Next(3) == 0 ? random.Next(loads.Length) : 0;
                EngineView[] engines = [.. loads.Select((load, i) => new EngineView(true, 0, load, 0, i == favourite, i == favourite, i == favourite ? 64 : 0))];
                int chosen = RoutingPolicy.Choose(engines, 0, options)!.Value.Engine;
                loads[chosen]++;
                Assert.InRange(loads[chosen], 1, (int)Math.Ceiling(options.LoadBound * loads.Sum() / loads.Length));
                if (random.Next(3) == 0 && loads[chosen = random.Next(loads.Length)] > 0)
                    loads[chosen]--;
            }
        }
    }

    [Fact]
    public void Affinity_goes_from_the_trajectory_over_the_longest_beginning_and_the_group_to_the_least_loaded()
    {
        EngineView idle = new(true, 3, 0, 0, false, false, 0);
        Assert.Equal(new RoutingChoice(1, RoutingReason.Load), Choose(idle with { Load = 1 }, idle));
        Assert.Equal(new RoutingChoice(1, RoutingReason.Load), Choose(idle with { Requests = 5 }, idle with { Requests = 4 }));
        Assert.Equal(new RoutingChoice(0, RoutingReason.Trajectory), Choose(idle with { Load = 7, HoldsTrajectory = true }, idle with { PrefixTokens = 640 }));
        Assert.Equal(new RoutingChoice(1, RoutingReason.Overload), Choose(idle with { Load = 8, HoldsTrajectory = true }, idle));
        Assert.Equal(new RoutingChoice(1, RoutingReason.Group), Choose(idle, idle with { Load = 1, HoldsGroup = true }));
        Assert.Equal(new RoutingChoice(1, RoutingReason.Group), Choose(idle with { PrefixTokens = 64 }, idle with { HoldsGroup = true, PrefixTokens = 64 }));
        Assert.Equal(new RoutingChoice(0, RoutingReason.Prefix), Choose(idle with { PrefixTokens = 128 }, idle with { HoldsGroup = true, PrefixTokens = 64 }));
        Assert.Equal(new RoutingChoice(1, RoutingReason.Overload), Choose(idle with { Load = 4, PrefixTokens = 128 }, idle));
        Assert.Equal(new RoutingChoice(0, RoutingReason.Load), Choose(idle with { Load = 9 }, idle with { WeightVersion = 2, HoldsTrajectory = true }));
        Assert.Null(Choose(idle with { IsServing = false }, idle with { WeightVersion = 2 }));

        static RoutingChoice? Choose(params EngineView[] engines) => RoutingPolicy.Choose(engines, 3, Options);
    }

    private static void AssertKeepsPromises(EngineView[] engines, int[] able, RoutingChoice chosen, RoutingOptions options)
    {
        EngineView engine = engines[chosen.Engine];
        double bound = Math.Ceiling(options.LoadBound * (able.Sum(i => (long)engines[i].Load) + 1) / able.Length);
        int least = able.Min(i => engines[i].Load);
        Assert.True(engine.Load < Math.Max(bound, chosen.Reason == RoutingReason.Trajectory ? options.LoadFloor : 0));
        bool isHeld = able.Any(i => engines[i].HoldsTrajectory && engines[i].Load < Math.Max(bound, options.LoadFloor));
        Assert.Equal(isHeld, chosen.Reason == RoutingReason.Trajectory);
        switch (chosen.Reason)
        {
            case RoutingReason.Trajectory:
                Assert.True(engine.HoldsTrajectory);
                break;
            case RoutingReason.Group:
                Assert.True(engine.HoldsGroup);
                break;
            case RoutingReason.Prefix:
                Assert.Equal(able.Where(i => engines[i].Load < bound).Max(i => engines[i].PrefixTokens), engine.PrefixTokens);
                break;
            default:
                Assert.Equal(least, engine.Load);
                Assert.DoesNotContain(able, i => engines[i].Load < bound && (engines[i].HoldsGroup || engines[i].PrefixTokens > 0));
                Assert.Equal(
                    chosen.Reason == RoutingReason.Overload,
                    able.Any(i => engines[i].HoldsGroup || engines[i].PrefixTokens > 0 || engines[i].HoldsTrajectory));
                break;
        }
    }

    private static EngineView[] RandomFleet(Random random)
    {
        int count = random.Next(0, 9), trajectory = random.Next(-count, count), group = random.Next(-count, count);
        int most = random.Next(1, 20);
        return [.. Enumerable.Range(0, count).Select(i => new EngineView(
            random.Next(5) > 0, random.Next(8) == 0 ? 1 : 2, random.Next(most), random.Next(100),
            i == trajectory, i == group, random.Next(3) == 0 ? 64 * random.Next(1, 5) : 0))];
    }
}
