using System.Text.Json;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Environments.Tests.Journal;

public sealed class JournalCodecTests
{
    private static readonly JournalEvent[] Every =
    [
        new TrajectoryBegan(),
        new TrajectoryResumed(),
        new TrajectoryForked(new TrajectoryParent("r-0-0", 3), (1L << 53) - 1),
        new MessagesReplaced([ChatMessage.User("other")]),
        new PromptRendered([ChatMessage.User(string.Concat(Enumerable.Repeat("long and ", 200)))], new[] { 1, 2, 151_935 }),
        new TurnSampled(
            3, [new WeightRun(2, 7), new WeightRun(1, 1L << 40)], new[] { 5, 6, 7 }, new[] { -0.5f, 0f, -20f }, new[] { -0.25f, -0f, -10f },
            FinishReason.Length, new GenerationTimings(TimeSpan.FromTicks(1), TimeSpan.FromSeconds(2), TimeSpan.FromHours(3))),
        new TurnSampled(1, [], default, default, null, null, null),
        new CallsRequested(["c1", "c2"]),
        new CallAnswered("c1", new ToolResult("é", ToolFailure.TimedOut, TimeSpan.FromTicks(3), TimeSpan.FromMinutes(1), 2)
        {
            Score = 0.1, Cut = new ResultCut(1, 2, 3), Sandbox = "docker/1",
        }),
        new MessagesAppended(null, ["c1"], [new RenderedSpan(SegmentSource.Scaffold, [1]), new RenderedSpan(SegmentSource.Observation, [2, 3])], false),
        new MessagesAppended([ChatMessage.User("again")], null, [new RenderedSpan(SegmentSource.Prompt, [])], true),
        new EpisodeRewarded(new Dictionary<string, double> { ["exact_match"] = 1.0 / 3 }),
        new EpisodeRewarded(null),
        new TurnPrompted(
            new PromptedCall
            {
                Turn = 2,
                Sequence = 1,
                Origin = new SequenceOrigin
                {
                    StartedBecause = "branched", Parent = 0, KeptMessages = 2, KeptTokens = 9, Tools = [new FunctionSchema("f", "F.", JsonElement.Parse("{}"))],
                    TemplateArguments = new Dictionary<string, JsonElement> { ["enable_thinking"] = JsonElement.Parse("false") },
                },
                Heals = [HealReason.AnswerTrimmed],
                Messages = [ChatMessage.Tool("c1", "f", "x")],
                AnsweredCallIds = ["c1"],
            },
            [new RenderedSpan(SegmentSource.Prompt, [4, 5])]),
        new TurnAnswered(2, ChatMessage.Assistant(null, [new ToolCall("c2", "f", JsonElement.Parse("\"{\""))])),
        new TrajectoryLeased("l"),
        new TrajectoryAcknowledged("l"),
    ];

    [Fact]
    public void Every_kind_of_event_comes_back()
    {
        IReadOnlyList<JournalEvent> read = JournalCodec.Decode(JournalCodec.Encode(Every));

        Assert.Equal(Every.Select(value => value.GetType()), read.Select(value => value.GetType()));
        Assert.Equivalent(Every.Select(Plain), read.Select(Plain), strict: true);
        Assert.Equal(
            typeof(JournalEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(JournalEvent))).ToHashSet(),
            Every.Select(value => value.GetType()).ToHashSet());
    }

    [Fact]
    public void Damaged_bytes_are_refused_and_never_make_the_reader_fail_otherwise()
    {
        byte[] whole = JournalCodec.Encode(Every);
        Random random = new(3);
        for (int length = 1; length < whole.Length; length += 7)
            Read(whole[..length]);
        for (int round = 0; round < 2_000; round++)
        {
            byte[] damaged = [.. whole];
            damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Read(damaged);
        }

        static void Read(byte[] bytes)
        {
            try
            {
                JournalCodec.Decode(bytes);
            }
            catch (JournalException)
            {
                // The one refusal there is.
            }
        }
    }

    private static object Plain(JournalEvent value) => value switch
    {
        PromptRendered prompt => new { prompt.Messages, Ids = prompt.TokenIds.ToArray() },
        TurnSampled turn => new
        {
            turn.Turn, turn.Runs, Ids = turn.TokenIds.ToArray(), Logprobs = turn.Logprobs.ToArray(), Sampling = turn.SamplingLogprobs?.ToArray(), turn.Finish, turn.Timings,
        },
        TurnPrompted or TurnAnswered => new { Kind = value.GetType(), Bytes = JournalCodec.Encode([value]) },
        _ => value,
    };
}
