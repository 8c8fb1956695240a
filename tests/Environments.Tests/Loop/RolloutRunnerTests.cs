using System.Collections.Concurrent;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed class RolloutRunnerTests
{
    [Fact]
    public async Task Every_task_is_played_as_often_as_asked_under_names_that_follow_from_its_place()
    {
        using TestPolicy policy = TestPolicy.Answering([], new ScriptedEngine(_ => TestPolicy.Say("6")));
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 4);

        List<Trajectory> trajectories = await runner.RunAsync(Rollout(tasks: 3, samples: 2), null, default, default).ToListAsync();

        Assert.Equal(
            ["r-0-0", "r-0-1", "r-1-0", "r-1-1", "r-2-0", "r-2-1"], trajectories.Select(trajectory => trajectory.Id).Order());
        Assert.All(trajectories, trajectory => Assert.Equal($"{trajectory.GroupId}-{trajectory.SampleIndex}", trajectory.Id));
        Assert.Equal(6, trajectories.Select(trajectory => trajectory.Seed).Distinct().Count());
    }

    [Fact]
    public async Task Endless_tasks_are_drawn_lazily_and_a_consumer_that_leaves_stops_the_rollout()
    {
        int drawn = 0;
        IEnumerable<RolloutTask> Endless()
        {
            while (true)
                yield return TestEnvironment.Task($"t{drawn++}");
        }

        using TestPolicy policy = TestPolicy.Answering([], new ScriptedEngine(_ => TestPolicy.Say("6")));
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 4);

        List<Trajectory> taken = await runner.RunAsync(Rollout(0, 1) with { Tasks = Endless() }, null, default, default).Take(10).ToListAsync();

        Assert.Equal(10, taken.Count);
        Assert.InRange(drawn, 10, 30);
        Assert.Equal(0, policy.Engine.Running);
    }

    [Fact]
    public async Task No_more_trajectories_play_at_once_than_allowed()
    {
        int most = 0;
        ScriptedEngine engine = null!;
        engine = new ScriptedEngine(_ =>
        {
            most = Math.Max(most, engine.Running);
            return TestPolicy.Say("6") with { Delay = TimeSpan.FromMilliseconds(2) };
        });
        using TestPolicy policy = TestPolicy.Answering([], engine);
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 3);

        await runner.RunAsync(Rollout(10, 4), null, default, default).ToListAsync();

        Assert.InRange(most, 2, 3);
    }

    [Fact]
    public async Task Aborting_yields_the_running_trajectories_as_aborted_and_starts_no_others()
    {
        using CancellationTokenSource abort = new();
        using TestPolicy policy = TestPolicy.Answering(
            [], new ScriptedEngine(_ => TestPolicy.Say(new string('a', 1000)) with { Delay = TimeSpan.FromMilliseconds(5) }));
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 3);
        ConcurrentDictionary<string, bool> begun = [];
        TokenProgress abortOnceAllPlay = new(sampled =>
        {
            if (begun.TryAdd(sampled.TrajectoryId, true) && begun.Count == 3)
                abort.Cancel();
        });

        List<Trajectory> trajectories = await runner.RunAsync(Rollout(5, 2), abortOnceAllPlay, abort.Token, default).ToListAsync();

        Assert.Equal(3, trajectories.Count);
        Assert.All(trajectories, trajectory => Assert.Equal(TrajectoryStatus.Aborted, trajectory.Status));
        Assert.All(trajectories, trajectory => Assert.InRange(trajectory.SampledTokens, 1, 1000));
    }

    [Fact]
    public async Task Finished_trajectories_are_not_played_again_and_the_others_keep_their_seeds()
    {
        using TestPolicy policy = TestPolicy.Answering([], new ScriptedEngine(_ => TestPolicy.Say("6")));
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 4);
        List<Trajectory> all = await runner.RunAsync(Rollout(3, 2), null, default, default).ToListAsync();

        List<Trajectory> rest = await runner.RunAsync(
            Rollout(3, 2) with { Finished = new HashSet<string> { "r-0-0", "r-2-1" } }, null, default, default).ToListAsync();

        Assert.Equal(["r-0-1", "r-1-0", "r-1-1", "r-2-0"], rest.Select(trajectory => trajectory.Id).Order());
        Assert.All(rest, again => Assert.Equal(all.Single(first => first.Id == again.Id).Seed, again.Seed));
    }

    [Fact]
    public async Task Tasks_that_throw_end_the_rollout_with_their_error_after_what_was_started()
    {
        static IEnumerable<RolloutTask> Broken()
        {
            yield return TestEnvironment.Task();
            throw new RolloutTaskException("tasks.jsonl, line 2 is not JSON.");
        }

        using TestPolicy policy = TestPolicy.Answering([], new ScriptedEngine(_ => TestPolicy.Say("6")));
        using RolloutRunner runner = new(policy.Runner, maxConcurrentTrajectories: 4);
        List<Trajectory> before = [];

        await Assert.ThrowsAsync<RolloutTaskException>(async () =>
        {
            await foreach (Trajectory trajectory in runner.RunAsync(Rollout(0, 1) with { Tasks = Broken() }, null, default, default))
                before.Add(trajectory);
        });

        Assert.Single(before);
    }

    [Fact]
    public void A_seed_depends_on_its_place_only_and_fits_every_json_reader()
    {
        HashSet<long> seeds = [];
        for (long seed = 0; seed < 10; seed++)
        {
            for (long task = 0; task < 100; task++)
            {
                for (int sample = 0; sample < 16; sample++)
                    seeds.Add(TrajectorySeed.Derive(seed, task, sample));
            }
        }

        Assert.Equal(16_000, seeds.Count);
        Assert.All(seeds, seed => Assert.InRange(seed, 0, (1L << 53) - 1));
        Assert.Equal(TrajectorySeed.Derive(7, 3, 0), TrajectorySeed.Derive(7, 3, 0));
    }

    private static RolloutSpec Rollout(int tasks, int samples) => new()
    {
        Id = "r",
        Environment = TestEnvironment.Expecting("6"),
        Tasks = Enumerable.Range(0, tasks).Select(index => TestEnvironment.Task($"t{index}")),
        SamplesPerTask = samples,
        Seed = 7,
    };
}
