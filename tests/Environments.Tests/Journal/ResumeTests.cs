using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Environments.Tests.Journal;

public sealed class ResumeTests
{
    private const string Wrong = "<tool_call>\n{\"name\": \"echo\"";

    private readonly MemoryJournal _journal = new();
    private int _runs;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private TestTool Once => new("once", (x, _) =>
    {
        Interlocked.Increment(ref _runs);
        return Task.FromResult(x + "!");
    });

    [Fact]
    public async Task A_trajectory_that_goes_on_behind_any_entry_of_its_journal_is_the_one_that_would_have_been()
    {
        (Trajectory whole, int calls) = await PlayAsync(_journal);
        int entries = _journal.Read("r-0-0").Count;

        for (int cut = 0; cut <= entries; cut++)
        {
            MemoryJournal journal = _journal.CutAt((_, _) => cut);
            int recorded = journal.Read("r-0-0").SelectMany(entry => entry.Events).OfType<CallAnswered>().Count(call => call.Result.Text.EndsWith('!'));

            (Trajectory resumed, int run) = await PlayAsync(journal);

            Assert.Equal(Comparable(whole), Comparable(resumed));
            Assert.Equal(calls - recorded, run);
            Assert.Null(TrajectoryAuditor.FindProblem(resumed));
        }
    }

    [Fact]
    public async Task A_trajectory_that_is_cut_again_and_again_is_still_the_same()
    {
        (Trajectory whole, _) = await PlayAsync(_journal);
        MemoryJournal journal = new();
        for (int fails = 0; ; fails++)
        {
            int limit = journal.Writes + 1 + (fails % 3);
            journal.Fails = write => write >= limit;
            try
            {
                (Trajectory resumed, _) = await PlayAsync(journal);
                Assert.Equal(Comparable(whole), Comparable(resumed));
                break;
            }
            catch (JournalException)
            {
                Assert.InRange(fails, 0, 50);
            }
        }
    }

    [Fact]
    public async Task The_journal_and_the_record_without_tokens_are_the_whole_trajectory()
    {
        (Trajectory whole, _) = await PlayAsync(_journal);
        byte[] record = TrajectoryRecord.WithoutTokens(whole);

        Trajectory joined = TrajectoryRecord.Join(record, _journal.Read("r-0-0").SelectMany(entry => entry.Events));
        Trajectory derived = TrajectoryRecord.Join(record, JournalEvents.Of(whole));

        Assert.Equal(TrajectoryJson.Serialize(whole), TrajectoryJson.Serialize(joined));
        Assert.Equal(TrajectoryJson.Serialize(whole), TrajectoryJson.Serialize(derived));
    }

    [Theory]
    [InlineData(HistoryPolicy.Rerender, MaskPolicy.AllSampled)]
    [InlineData(HistoryPolicy.AppendOnly, MaskPolicy.LastTurn)]
    [InlineData(HistoryPolicy.AppendOnly, MaskPolicy.WellFormedTurns)]
    public async Task Rewritten_histories_and_narrow_masks_join_too(HistoryPolicy history, MaskPolicy mask)
    {
        (Trajectory whole, _) = await PlayAsync(_journal, history, mask);

        Trajectory joined = TrajectoryRecord.Join(TrajectoryRecord.WithoutTokens(whole), _journal.Read("r-0-0").SelectMany(entry => entry.Events));

        Assert.Equal(TrajectoryJson.Serialize(whole), TrajectoryJson.Serialize(joined));
    }

    [Fact]
    public async Task A_turn_that_was_cut_is_kept_with_the_trajectory_that_ended_in_it()
    {
        using CancellationTokenSource abort = new();
        using TestPolicy policy = TestPolicy.Answering([], new ScriptedEngine(request => TestPolicy.Say("1 2 3 4 5 6") with { ChunkSize = 1, Delay = TimeSpan.FromMilliseconds(5) }));
        int seen = 0;
        TokenProgress progress = new(_ =>
        {
            if (++seen == 3)
                abort.Cancel();
        });

        Trajectory cut = await policy.PlayAsync(TestEnvironment.Expecting("never"), progress: progress, abort: abort.Token, journal: _journal);

        Assert.Equal(StopReason.Cancelled, cut.StopReason);
        Assert.True(cut.SampledTokens >= 3);
        Trajectory joined = TrajectoryRecord.Join(TrajectoryRecord.WithoutTokens(cut), _journal.Read("r-0-0").SelectMany(entry => entry.Events));
        Assert.Equal(TrajectoryJson.Serialize(cut), TrajectoryJson.Serialize(joined));
    }

    [Fact]
    public async Task A_trajectory_that_was_cancelled_while_its_server_was_down_keeps_what_it_had()
    {
        await PlayAsync(_journal);
        MemoryJournal journal = _journal.CutAt((_, _) => 5);
        int sampled = journal.Read("r-0-0").SelectMany(entry => entry.Events).OfType<TurnSampled>().Sum(turn => turn.TokenIds.Length);
        using CancellationTokenSource abort = new();
        await abort.CancelAsync();

        (Trajectory aborted, _) = await PlayAsync(journal, abort: abort.Token);

        Assert.Equal((TrajectoryStatus.Aborted, sampled), (aborted.Status, aborted.SampledTokens));
        Assert.True(sampled > 0);
    }

    [Fact]
    public async Task An_environment_that_answers_otherwise_does_not_change_what_the_model_saw()
    {
        (Trajectory whole, _) = await PlayAsync(_journal);

        (Trajectory resumed, _) = await PlayAsync(_journal.CutAt((_, all) => all - 1), question: "Something else?");

        Assert.Equal(Comparable(whole), Comparable(resumed));
    }

    [Fact]
    public async Task A_journal_of_another_course_of_events_fails_the_trajectory_with_its_reason()
    {
        await PlayAsync(_journal);
        using TestPolicy policy = TestPolicy.Saying([], "6");

        // A turn is missing, as if the model's calls were read otherwise now.
        Trajectory failed = await policy.PlayAsync(
            TestEnvironment.Expecting("6"), journal: _journal, recorded: [.. _journal.Read("r-0-0").Where((_, index) => index != 1)]);

        Assert.Equal((StopReason.Failure, FailureBoundary.Loop), (failed.StopReason, failed.Failure!.Boundary));
        Assert.Contains("goes on with CallAnswered, and now TurnSampled came", failed.Failure.Message, StringComparison.Ordinal);
    }

    private static string Comparable(Trajectory trajectory) => TrajectoryJson.Serialize(trajectory with
    {
        Timings = new TrajectoryTimings(0, 0, 0, 0, 0, 0, 0),
        ToolCalls = [.. trajectory.ToolCalls.Select(call => call with { QueueMs = 0, RunMs = 0 })],
    });

    /// <summary>Five turns: two calls at once, a malformed one, one that needs what earlier ones left, a message of the environment, the end.</summary>
    private async Task<(Trajectory Trajectory, int Runs)> PlayAsync(
        MemoryJournal journal, HistoryPolicy history = default, MaskPolicy mask = default, string question = "Go on.", CancellationToken abort = default)
    {
        _runs = 0;
        string[] turns =
        [
            TestTool.Call("once", "a") + "\n" + TestTool.Call("counter", "x") + "\n" + TestTool.Call("once", "b"),
            Wrong,
            TestTool.Call("counter", "y"),
            "thinking",
            TestTool.Call("counter", "z") + "\n" + TestTool.Call("once", "c"),
            "6",
        ];
        // The answer follows from what the model saw, as with a real engine.
        ScriptedEngine engine = new(request => TestPolicy.Say(
            turns[TestPolicy.Format.Tokenizer.Decode(request.Tokens.Span).Split("<|im_start|>assistant").Length - 2]));
        using TestPolicy policy = TestPolicy.Answering([Once, new StatefulTool()], engine);
        EnvironmentDefinition environment = TestEnvironment.Define(
            (turn, _) => ValueTask.FromResult(turn.Message.Content == "thinking"
                ? StepResult.Continue(Tokenization.Chat.ChatMessage.User(question))
                : StepResult.End("exact_match", turn.Message.Content == "6" ? 1 : 0)),
            "once", "counter");
        IReadOnlyList<JournalEntry> recorded = await journal.ReadAsync("r-0-0", Cancellation);
        Trajectory trajectory = await policy.PlayAsync(
            environment, new RolloutLimits { MaxTurns = 10 }, history: history, mask: mask, journal: journal, recorded: recorded, abort: abort);
        return (trajectory, _runs);
    }

    /// <summary>Remembers within a trajectory what it was told, as a sandbox does.</summary>
    private sealed class StatefulTool : ITool
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<string, string> _said = new();

        public ToolSpec Spec { get; } = TestTool.Echo.Spec with { Name = "counter", KeepsState = true };

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => Task.FromResult(
            _said.AddOrUpdate(invocation.TrajectoryId, X(invocation), (_, before) => before + X(invocation)));

        private static string X(ToolInvocation invocation) => invocation.Arguments.GetProperty("x").GetString()!;
    }
}
