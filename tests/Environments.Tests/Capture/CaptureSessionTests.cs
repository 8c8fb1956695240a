using System.Text.Json;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Tests.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Environments.Tests.Capture;

public sealed class CaptureSessionTests
{
    private const string Call = "<tool_call>\n{\"name\": \"calculator\", \"arguments\": {\"expression\": \"1+1\"}}\n</tool_call>";

    private static readonly ChatMessage System = ChatMessage.System("Be brief.");
    private static readonly ChatMessage First = ChatMessage.User("What is 1+1?");
    private static readonly ChatMessage Second = ChatMessage.User("And 2+2?");

    [Fact]
    public async Task A_conversation_with_tools_that_comes_back_whole_is_one_sequence_as_the_loop_would_make_it()
    {
        using CaptureClient client = new();
        ChatMessage asked = await client.AskAsync([First], Call);
        ChatMessage[] messages = [First, asked, new() { Role = "tool", Content = "2", ToolCallId = asked.ToolCalls![0].Id }];
        CapturedTurn turn = await client.BeginAsync(messages);
        IEnumerable<int> delta = CaptureClient.Format
            .RenderDelta([ChatMessage.Tool("c1", "calculator", "2")], [CaptureClient.Calculator], CaptureClient.Format.EndOfTurnId).SelectMany(span => span.Tokens);
        int[] prompt = CaptureClient.Format.RenderPrompt([First], [CaptureClient.Calculator]);
        Assert.Equal([.. prompt, .. client.Sampled[0].Tokens, .. delta], turn.Prompt.Tokens.ToArray());
        ChatMessage done = await client.AnswerAsync(turn, "It is 2.");
        await client.AskAsync([.. messages, done, Second], "4");

        Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);

        AssertSound(trajectory, client);
        TrajectorySequence only = Assert.Single(trajectory.Sequences);
        Assert.Equal(
            [SegmentSource.Prompt, SegmentSource.Sampled, SegmentSource.Scaffold, SegmentSource.Observation, SegmentSource.Scaffold, SegmentSource.Sampled],
            only.Segments.Where(segment => segment.WeightVersion is null or 0).Take(6).Select(segment => segment.Source));
        TrajectoryToolCall call = Assert.Single(trajectory.ToolCalls);
        Assert.Equal(("c1", "calculator", "2", ToolCallStatus.Ok), (call.Id, call.Name, call.Result, call.Parse));
        Assert.Equal(["c1"], only.Segments.First(segment => segment.Source == SegmentSource.Observation).CallIds);
        Assert.Equal(["user", "assistant", "tool", "assistant", "user", "assistant"], trajectory.Messages.Select(message => message.Role));
        Assert.Equal(TrajectoryAudit.Consistent, trajectory.Audit.Template);
        Assert.Equal((1, 2, 0, 0), (client.Session.Drift.Begun, client.Session.Drift.Continued, client.Session.Drift.Healed, client.Session.Drift.Forked));
    }

    [Theory]
    [InlineData("edit first", "message_edited")]
    [InlineData("edit last", "branched")]
    [InlineData("edit answer", "answer_edited")]
    [InlineData("drop answer", "messages_dropped")]
    [InlineData("drop turn", "messages_dropped")]
    [InlineData("again", "asked_again")]
    [InlineData("insert", "answer_inserted")]
    [InlineData("no tools", "tools_changed")]
    [InlineData("other", "new_conversation")]
    public async Task What_a_client_makes_of_a_conversation_begins_another_sequence_for_a_recorded_reason_and_keeps_the_tokens_of_what_is_the_same(string change, string reason)
    {
        using CaptureClient client = new();
        ChatMessage one = await client.AskAsync([System, First], "It is  2, my friend.");
        ChatMessage two = await client.AskAsync([System, First, one, Second], "It is 4.");
        ChatMessage third = ChatMessage.User("And 3+3?");
        (ChatMessage[] messages, int kept) = change switch
        {
            "edit first" => (new[] { System, ChatMessage.User("What is 1+2?"), one, Second }, 0),
            "edit last" => ([System, First, one, ChatMessage.User("And 2+3?")], 1),
            "edit answer" => ([System, First, ChatMessage.Assistant("3"), Second], 0),
            "drop answer" => ([System, First, Second], 0),
            "drop turn" => ([System, First, one, Second, third], 1),
            "again" => ([System, First, one, Second], 2),
            "insert" => ([System, First, one, Second, two, third, ChatMessage.Assistant("6"), Second], 3),
            "no tools" => ([System, First, one, Second, two, third], 0),
            _ => ([System, ChatMessage.User("Name a town.")], 0),
        };
        CapturedTurn turn = await client.BeginAsync(messages, change == "no tools" ? [] : null);
        await client.AnswerAsync(turn, "well");

        Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);

        AssertSound(trajectory, client);
        if (change is "edit first" or "drop answer")
            Assert.Contains(trajectory.Sequences[1].StartedBecause, (string[])["new_conversation", reason]);
        else
            Assert.Equal(reason, trajectory.Sequences[1].StartedBecause);
        Assert.Equal([null, trajectory.Sequences[1].StartedBecause], trajectory.Sequences.Select(sequence => sequence.StartedBecause));
        int[] recorded = trajectory.Sequences[0].TokenIds;
        int same = recorded.AsSpan().CommonPrefixLength(trajectory.Sequences[1].TokenIds);
        int[] ends = [.. trajectory.Sequences[0].Segments.Where(segment => segment.Source == SegmentSource.Sampled).SelectMany(segment => (int[])[segment.Start, segment.End])];
        Assert.True(same >= (kept switch { 0 => 0, 1 => ends[1], 2 => ends[2], _ => ends[3] }), $"{same} of {recorded.Length} tokens are kept");
    }

    [Fact]
    public async Task Answers_that_come_back_trimmed_without_reasoning_or_respelled_keep_their_tokens()
    {
        using CaptureClient client = new();
        ChatMessage one = await client.AskAsync([First], " <tool_call>{\"name\": \"calculator\", \"arguments\": {\"expression\": \"1+1\", \"digits\": 1}}</tool_call>");
        ToolCall call = one.ToolCalls![0];
        ChatMessage[] sent =
        [
            First,
            ChatMessage.Assistant(null, [new ToolCall("mine", "calculator", JsonElement.Parse("""{"digits":1,"expression":"1+1"}"""))]),
            new() { Role = "tool", Content = "2", ToolCallId = "mine", Name = "anything" },
        ];
        await client.AskAsync(sent, "2");

        Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);

        AssertSound(trajectory, client);
        Assert.Single(trajectory.Sequences);
        Assert.Equal("2", trajectory.ToolCalls[0].Result);
        Assert.Equal(1, client.Session.Drift.Healed);
        Assert.Equal(1, client.Session.Drift.HealedBecause["arguments_respelled"]);
        Assert.Equal("calculator", call.Name);
    }

    [Fact]
    public async Task Calls_at_once_that_ask_the_same_are_sequences_of_their_own()
    {
        using CaptureClient client = new();
        CapturedTurn one = await client.BeginAsync([First]);
        CapturedTurn other = await client.BeginAsync([First]);
        CapturedTurn agent = await client.BeginAsync([ChatMessage.User("Name a town.")]);
        Assert.NotEqual(one.Prompt.Seed, other.Prompt.Seed);
        ChatMessage[] answers = [await client.AnswerAsync(agent, "Oslo"), await client.AnswerAsync(other, "two"), await client.AnswerAsync(one, "2")];
        await client.AskAsync([First, answers[1], Second], "four");
        await client.AskAsync([First, answers[2], Second], "4");

        Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);

        AssertSound(trajectory, client);
        Assert.Equal([null, "parallel", "new_conversation"], trajectory.Sequences.Select(sequence => sequence.StartedBecause));
        Assert.Equal((2, 2, 1), (client.Session.Drift.Begun, client.Session.Drift.Continued, client.Session.Drift.Forked));
        Assert.Equal(5, trajectory.Turns);
    }

    [Fact]
    public async Task A_turn_that_is_cut_keeps_its_tokens_and_one_that_is_lost_is_asked_for_again()
    {
        using CaptureClient client = new();
        ChatMessage cut = await client.AnswerAsync(await client.BeginAsync([First]), "It is surely two.", cutAfter: 3);
        await client.AnswerAsync(await client.BeginAsync([First, cut, Second]), "", cutAfter: 0);
        CapturedTurn again = await client.BeginAsync([First, cut, Second]);
        Assert.Equal(2, again.Number);
        await client.AnswerAsync(again, "4");

        Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);

        AssertSound(trajectory, client);
        Assert.Single(trajectory.Sequences);
        Assert.Equal([null, "stop"], trajectory.Sequences[0].Segments.Where(segment => segment.Source == SegmentSource.Sampled).Select(segment => segment.FinishReason));
        Assert.Equal(2, trajectory.Turns);
    }

    [Fact]
    public async Task Sealing_cuts_what_is_sampled_and_takes_no_more()
    {
        using CaptureClient client = new();
        CapturedTurn turn = await client.BeginAsync([First]);
        client.Sampled.Add((turn.Number, CaptureClient.Feed(turn, "It is two.", cutAfter: 2)));
        Trajectory trajectory = await client.Session.SealAsync(StopReason.Cancelled);
        Assert.True(client.Session.Cut.IsCancellationRequested);
        CaptureClient.Feed(turn, "And more.", cutAfter: null);
        await turn.EndAsync(ChatMessage.Assistant("It is two. And more."));
        Assert.Equal(0, client.Session.Running);
        Assert.Equal(trajectory.Digest, (await client.Session.SealAsync(StopReason.Cancelled)).Digest);
        AssertSound(trajectory, client);
        Assert.Equal((TrajectoryStatus.Aborted, 2), (trajectory.Status, trajectory.SampledTokens));
        CaptureException refused = await Assert.ThrowsAsync<CaptureException>(() => client.BeginAsync([First]));
        Assert.Equal((CaptureProblem.Ended, "Session 'r-0-0' has ended."), (refused.Problem, refused.Message));
    }

    [Fact]
    public async Task What_cannot_be_answered_leaves_nothing_behind()
    {
        using CaptureClient client = new(maxTurns: 1);
        CapturedCall call = new([First], []);
        await Assert.ThrowsAsync<ArgumentException>(() => client.Session.BeginAsync(call, _ => throw new ArgumentException("no"), CancellationToken.None));
        ChatMessage huge = ChatMessage.User(string.Concat(Enumerable.Repeat("word ", 60_000)));
        Assert.Equal(CaptureProblem.Limit, (await Assert.ThrowsAsync<CaptureException>(() => client.BeginAsync([huge]))).Problem);
        client.Journal.Fails = _ => true;
        await Assert.ThrowsAsync<JournalException>(() => client.BeginAsync([First]));
        client.Journal.Fails = _ => false;
        Assert.Equal((0, 0), (client.Session.Turns, client.Session.Sequences));
        ChatMessage answer = await client.AskAsync([First], "2");
        Assert.Equal(
            "Session 'r-0-0' has had its 1 turns.", (await Assert.ThrowsAsync<CaptureException>(() => client.BeginAsync([First, answer, Second]))).Message);
    }

    [Fact]
    public async Task A_turn_that_cannot_be_written_down_is_not_there()
    {
        using CaptureClient client = new();
        CapturedTurn turn = await client.BeginAsync([First]);
        client.Journal.Fails = _ => true;
        await Assert.ThrowsAsync<JournalException>(() => client.AnswerAsync(turn, "2"));
        client.Journal.Fails = _ => false;
        CapturedTurn again = await client.BeginAsync([First]);
        Assert.Equal(turn.Prompt.Tokens.ToArray(), again.Prompt.Tokens.ToArray());
        await client.AnswerAsync(again, "2");
        AssertSound(await client.Session.SealAsync(StopReason.EnvironmentDone), client);
    }

    /// <summary>Clients that do all that clients do, in any order; journals are cut anywhere.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_clients_do_every_sampled_token_stands_where_it_was_sampled_and_the_journal_tells_all(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 25; round++)
        {
            using CaptureClient client = new();
            await new RandomAgents(client, random).RunAsync(steps: 14);
            Trajectory trajectory = await client.Session.SealAsync(StopReason.EnvironmentDone);
            AssertSound(trajectory, client);
            CaptureDrift drift = client.Session.Drift;
            Assert.Equal(drift.Forked, drift.ForkedBecause.Values.Sum());
            AssertGoesOn(client, random);
        }
    }

    /// <summary>The record's own checks, the tokens as they were sampled, and what the journal makes of it.</summary>
    private static void AssertSound(Trajectory trajectory, CaptureClient client)
    {
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        Assert.True(trajectory.Audit.Passes);
        Assert.Equal(client.Sampled.OrderBy(turn => turn.Turn).Select(turn => string.Join(' ', turn.Tokens)), trajectory.Sequences
            .SelectMany(sequence => sequence.Segments.Where(segment => segment.Source == SegmentSource.Sampled)
                .Select(segment => (segment.Turn, segment.Start, Tokens: string.Join(' ', sequence.TokenIds[segment.Start..segment.End]))))
            .GroupBy(run => run.Turn).OrderBy(turn => turn.Key).Select(turn => string.Join(' ', turn.OrderBy(run => run.Start).Select(run => run.Tokens))));

        JournalEvent[] events = [.. client.Journal.Read(trajectory.Id).SelectMany(entry => entry.Events)];
        string joined = TrajectoryJson.Serialize(TrajectoryRecord.Join(TrajectoryRecord.WithoutTokens(trajectory), events));
        Assert.Equal(TrajectoryJson.Serialize(trajectory), joined);
        Assert.Equal(client.Session.Drift.Continued, CaptureDrift.Of(events.OfType<TurnPrompted>().Select(prompted => prompted.Call)).Continued);
        if (TrajectoryRecord.Split(trajectory) is { } parts)
            Assert.Equal(joined, TrajectoryJson.Serialize(TrajectoryRecord.Join(parts.WithoutTokens, JournalCodec.Decode(parts.Journal))));
    }

    /// <summary>A server that died anywhere finds what was shown.</summary>
    private static void AssertGoesOn(CaptureClient client, Random random)
    {
        MemoryJournal cut = client.Journal.CutAt((_, all) => random.Next(1, all + 1));
        using CaptureClient after = new(cut);
        (int, int[])[] shown = [.. cut.Read("r-0-0").SelectMany(entry => entry.Events).OfType<TurnSampled>().Select(turn => (turn.Turn, turn.TokenIds.ToArray()))];
        after.Sampled.AddRange(shown);
        AssertSound(after.Session.SealAsync(StopReason.EnvironmentDone).GetAwaiter().GetResult(), after);
    }
}
