using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class ModelVerifierTests
{
    public static TheoryData<string> Environments => ["arithmetic", "lookup"];

    [Theory]
    [MemberData(nameof(Environments))]
    public async Task Trajectories_are_verified_to_the_bit_whatever_the_engine_does_beside_it(string environment)
    {
        await using ShippedModel model = new();
        List<Trajectory> trajectories = await model.PlayAsync(Find(environment), tasks: 4, samples: 2);

        Task<List<Trajectory>> load = model.PlayAsync(Find(environment), tasks: 16, samples: 4);
        VerifyResult[] results = await Task.WhenAll(trajectories.Select(trajectory => model.Verifier.VerifyAsync(trajectory)));
        await load;

        Assert.All(results, result => Assert.Equal((VerifyOutcome.BitExact, null, null), (result.Outcome, result.FirstDifference, result.LogprobDifferences)));
        Assert.Equal(trajectories.Select(trajectory => trajectory.SampledTokens), results.Select(result => result.SampledTokens));
        Assert.Equal(0, model.Engine.Statistics.PagesInUse);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public async Task One_thread_small_chunks_and_no_cache_change_nothing(string environment)
    {
        await using ShippedModel model = new();
        await using ShippedModel other = new(new EngineOptions { Threads = 1, PrefixCache = false, MaxBatchTokens = 16, MaxMixedPrefillTokens = 4, MaxRunningSequences = 2 });
        SamplingParams sampling = new(0.8f, TopK: 40, TopP: 0.95f, MinP: 0.02f) { RepetitionPenalty = 1.1f, PresencePenalty = 0.2f };

        foreach (Trajectory trajectory in await model.PlayAsync(Find(environment), tasks: 3, samples: 1, sampling: sampling))
            Assert.Equal(VerifyOutcome.BitExact, (await other.Verifier.VerifyAsync(trajectory)).Outcome);
    }

    [Fact]
    public async Task Progress_is_told_turn_by_turn()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        TestProgress progress = new();

        await model.Verifier.VerifyAsync(trajectory, progress);

        Assert.Equal(Enumerable.Range(1, trajectory.Turns).Select(turn => new ReplayProgress(turn, trajectory.Turns)), progress.Reports);
    }

    [Fact]
    public async Task Another_token_is_found_at_its_position_with_both_log_probabilities_and_ranks()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = await LikelyAsync(model);
        int position = Sampled(trajectory)[2];
        int[] tokens = [.. trajectory.Sequences[0].TokenIds];
        int original = tokens[position];
        tokens[position] = original == 50 ? 51 : 50;

        VerifyResult result = await model.Verifier.VerifyAsync(With(trajectory, sequence => sequence with { TokenIds = tokens }));

        Assert.Equal(VerifyOutcome.Differs, result.Outcome);
        TokenDifference difference = result.FirstDifference!;
        Assert.Equal((0, position, 1, DifferenceKind.Token), (difference.Sequence, difference.Position, difference.Turn, difference.Kind));
        Assert.Equal((tokens[position], original), (difference.Recorded.TokenId, difference.Replayed!.TokenId));
        Assert.Equal((1, trajectory.Sequences[0].Logprobs[position]), (difference.Replayed.Rank, difference.Replayed.Logprob));
        Assert.NotEqual(1, difference.Recorded.Rank);
        Assert.True(difference.Recorded.EngineLogprob < difference.Replayed.EngineLogprob);
        Assert.Contains($"Token {position} of sequence 0", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_probability_off_by_one_bit_is_found_at_its_position()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        int position = Sampled(trajectory)[^1];
        float?[] logprobs = [.. trajectory.Sequences[0].Logprobs];
        logprobs[position] = MathF.BitDecrement(logprobs[position]!.Value);

        VerifyResult result = await model.Verifier.VerifyAsync(With(trajectory, sequence => sequence with { Logprobs = logprobs }));

        Assert.Equal((VerifyOutcome.Differs, position, DifferenceKind.Logprob), (result.Outcome, result.FirstDifference!.Position, result.FirstDifference.Kind));
        LogprobDifference difference = Assert.Single(result.LogprobDifferences!);
        Assert.Equal((1, position), (difference.Tokens - difference.EqualTokens, difference.MaxPosition));
    }

    [Fact]
    public async Task A_changed_result_is_found_although_the_engine_agrees()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 8, samples: 1)).First(played => played.ToolCalls is [{ Result: not null }, ..]);
        TrajectoryToolCall call = trajectory.ToolCalls[0];
        Trajectory result = trajectory with { ToolCalls = [call with { Result = "forged" }, .. trajectory.ToolCalls.Skip(1)] };
        Trajectory both = result with
        {
            Messages = [.. trajectory.Messages.Select(message => message.ToolCallId == call.Id ? message with { Content = "forged" } : message)],
        };

        VerifyResult ofResult = await model.Verifier.VerifyAsync(result);
        VerifyResult ofBoth = await model.Verifier.VerifyAsync(both);

        Assert.Equal((VerifyOutcome.RecordChanged, VerifyOutcome.RecordChanged), (ofResult.Outcome, ofBoth.Outcome));
        Assert.Contains($"The result of call '{call.Id}' in turn {call.Turn} is not what", ofResult.Detail, StringComparison.Ordinal);
        AgentRollout.Tokenization.Masking.TokenSegment answer = trajectory.Sequences[0].Segments.First(segment => segment.CallIds?.Contains(call.Id) == true);
        System.Text.RegularExpressions.Match place = System.Text.RegularExpressions.Regex.Match(
            ofBoth.Detail, "From token ([0-9]+) of sequence 0 on, the tokens say '.*' and the messages 'forged", System.Text.RegularExpressions.RegexOptions.Singleline);
        Assert.True(place.Success, ofBoth.Detail);
        Assert.InRange(int.Parse(place.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture), answer.Start, answer.End);
    }

    [Fact]
    public async Task A_turn_with_a_token_too_many_is_found_to_have_ended()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        TrajectorySequence sequence = trajectory.Sequences[0];
        Trajectory longer = With(trajectory, _ => sequence with
        {
            TokenIds = [.. sequence.TokenIds, 50],
            LossMask = [.. sequence.LossMask, 1],
            Logprobs = [.. sequence.Logprobs, -1f],
            Segments = [.. sequence.Segments.SkipLast(1), sequence.Segments[^1] with { End = sequence.TokenIds.Length + 1 }],
        });

        VerifyResult result = await model.Verifier.VerifyAsync(longer);

        Assert.Equal((VerifyOutcome.Differs, sequence.TokenIds.Length, DifferenceKind.End), (result.Outcome, result.FirstDifference!.Position, result.FirstDifference.Kind));
        Assert.Null(result.FirstDifference.Replayed);
    }

    [Fact]
    public async Task Other_weights_are_told_with_the_log_probability_differences()
    {
        await using ShippedModel model = new();
        await using ShippedModel bytes = new(new EngineOptions { WeightType = WeightType.Int8 }, weightVersion: 3);
        Trajectory trajectory = (await model.PlayAsync(LookupEnvironment.Definition, tasks: 1, samples: 1))[0];

        VerifyResult result = await bytes.Verifier.VerifyAsync(trajectory);

        Assert.Equal((VerifyOutcome.OtherWeights, 3L, null), (result.Outcome, result.WeightVersion, result.FirstDifference));
        Assert.Contains("weight version 0, but the engine has version 3", result.Detail, StringComparison.Ordinal);
        LogprobDifference difference = Assert.Single(result.LogprobDifferences!);
        Assert.Equal((0L, trajectory.SampledTokens), (difference.WeightVersion, difference.Tokens));
        Assert.True(difference.MaxAbsolute > 0 && difference.MeanAbsolute <= difference.MaxAbsolute);
    }

    [Fact]
    public async Task Weights_that_changed_under_the_same_version_are_found_as_a_difference()
    {
        await using ShippedModel model = new();
        await using ShippedModel bytes = new(new EngineOptions { WeightType = WeightType.Int8 });
        Trajectory trajectory = (await model.PlayAsync(LookupEnvironment.Definition, tasks: 1, samples: 1))[0];

        VerifyResult result = await bytes.Verifier.VerifyAsync(trajectory);

        Assert.Equal(VerifyOutcome.Differs, result.Outcome);
        Assert.NotNull(result.FirstDifference);
        Assert.NotNull(result.LogprobDifferences);
    }

    [Fact]
    public async Task What_cannot_be_compared_is_said()
    {
        await using ShippedModel model = new();
        Trajectory trajectory = (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1))[0];
        int[] tokens = [.. trajectory.Sequences[0].TokenIds];
        tokens[^1] = 1_000_000;

        VerifyResult foreign = await model.Verifier.VerifyAsync(trajectory with { Model = trajectory.Model with { TokenizerHash = "sha256:00" } });
        VerifyResult refused = await model.Verifier.VerifyAsync(With(trajectory, sequence => sequence with { TokenIds = tokens }));
        VerifyResult torn = await model.Verifier.VerifyAsync(With(trajectory, sequence => sequence with { LossMask = [1] }));

        Assert.Equal(
            (VerifyOutcome.OtherTokenizer, VerifyOutcome.Refused, VerifyOutcome.RecordChanged), (foreign.Outcome, refused.Outcome, torn.Outcome));
        Assert.Contains("1000000", refused.Detail, StringComparison.Ordinal);
    }

    /// <summary>A trajectory whose sampled tokens are all the likeliest, so that their rank is 1.</summary>
    private static async Task<Trajectory> LikelyAsync(ShippedModel model) =>
        (await model.PlayAsync(ArithmeticEnvironment.Definition, tasks: 1, samples: 1, sampling: new SamplingParams(Temperature: 0)))[0];

    private static int[] Sampled(Trajectory trajectory) =>
        [.. trajectory.Sequences[0].LossMask.Index().Where(pair => pair.Item == 1).Select(pair => pair.Index)];

    private static Trajectory With(Trajectory trajectory, Func<TrajectorySequence, TrajectorySequence> change)
    {
        TrajectorySequence[] sequences = [change(trajectory.Sequences[0])];
        return trajectory with { Sequences = sequences, Digest = TrajectoryDigest.Compute(sequences, trajectory.Reward, trajectory.RewardComponents) };
    }

    private static EnvironmentDefinition Find(string name) =>
        name == "arithmetic" ? ArithmeticEnvironment.Definition : LookupEnvironment.Definition;
}
