using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using Xunit;

namespace AgentRollout.Environments.Tests;

public sealed class ShippedModelTests
{
    public static TheoryData<string> Environments => ["arithmetic", "lookup"];

    [Theory]
    [MemberData(nameof(Environments))]
    public async Task It_calls_its_tool_and_solves_part_of_the_held_out_tasks(string environment)
    {
        await using ShippedModel model = new();

        List<Trajectory> trajectories = await model.PlayAsync(Find(environment), tasks: 64, samples: 2);

        Assert.All(trajectories, trajectory => Assert.Null(TrajectoryAuditor.FindProblem(trajectory)));
        Assert.InRange(trajectories.Average(trajectory => trajectory.Reward!.Value), 0.4, 0.95);
        double calling = trajectories.Count(trajectory => trajectory.ToolCalls is [{ Parse: ToolCallStatus.Ok }, ..]) / (double)trajectories.Count;
        Assert.InRange(calling, 0.9, 1);
        Assert.Equal(0, model.Engine.Statistics.PagesInUse);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public async Task A_trajectory_does_not_depend_on_what_is_played_beside_it(string environment)
    {
        await using ShippedModel model = new();
        await using ShippedModel oneThread = new(new EngineOptions { Threads = 1 });

        List<Trajectory> together = await model.PlayAsync(Find(environment), tasks: 6, samples: 4);
        List<Trajectory> firstSamples = await model.PlayAsync(Find(environment), tasks: 6, samples: 1);
        List<Trajectory> oneByOne = await oneThread.PlayAsync(Find(environment), tasks: 6, samples: 4, concurrency: 1);

        Assert.Equal(together.Select(trajectory => trajectory.Digest), oneByOne.Select(trajectory => trajectory.Digest));
        Assert.Equal(
            together.Where(trajectory => trajectory.SampleIndex == 0).Select(trajectory => trajectory.Digest),
            firstSamples.Select(trajectory => trajectory.Digest));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public async Task The_engine_computes_the_same_log_probabilities_again_to_the_bit(string environment)
    {
        await using ShippedModel model = new();
        ModelAuditor auditor = new(model.Engine, model.Format);

        foreach (Trajectory trajectory in await model.PlayAsync(Find(environment), tasks: 4, samples: 2))
            Assert.Null(await auditor.FindProblemAsync(trajectory, CancellationToken.None));
    }

    [Fact]
    public async Task A_log_probability_off_by_one_bit_is_found_although_the_digest_was_made_to_fit()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        TrajectorySequence sequence = trajectory.Sequences[0];
        float?[] logprobs = [.. sequence.Logprobs];
        logprobs[^1] = MathF.BitDecrement(logprobs[^1]!.Value);
        TrajectorySequence[] forged = [sequence with { Logprobs = logprobs }];
        Trajectory tampered = trajectory with
        {
            Sequences = forged,
            Digest = TrajectoryDigest.Compute(forged, trajectory.Reward, trajectory.RewardComponents),
        };

        Assert.Null(TrajectoryAuditor.FindProblem(tampered));
        string? problem = await new ModelAuditor(model.Engine, model.Format).FindProblemAsync(tampered, CancellationToken.None);

        Assert.Contains($"token {logprobs.Length - 1} ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trajectory_of_another_tokenizer_is_refused()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        Trajectory foreign = trajectory with { Model = trajectory.Model with { TokenizerHash = "sha256:00" } };

        Assert.Contains(
            "sha256:00", await new ModelAuditor(model.Engine, model.Format).FindProblemAsync(foreign, CancellationToken.None), StringComparison.Ordinal);
    }

    private static EnvironmentDefinition Find(string name) =>
        name == "arithmetic" ? ArithmeticEnvironment.Definition : LookupEnvironment.Definition;
}
