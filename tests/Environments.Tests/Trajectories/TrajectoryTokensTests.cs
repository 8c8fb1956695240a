using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

/// <summary>Every token knows its message, whatever the episode was like.</summary>
public sealed class TrajectoryTokensTests
{
    private static readonly string EchoSix = TestTool.Call("echo", "6");

    [Fact]
    public async Task The_tokens_of_a_tool_episode_tell_their_messages()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], EchoSix, "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));
        TrajectoryToken[] tokens = Assert.Single(TrajectoryTokens.Read(trajectory, TestPolicy.Format));

        TrajectorySequence sequence = trajectory.Sequences[0];
        Assert.Equal(sequence.TokenIds, tokens.Select(token => token.Id));
        Assert.Equal(sequence.LossMask, tokens.Select(token => token.Counts ? 1 : 0));
        Assert.Equal([trajectory.Messages[0].Content!, EchoSix, "6", "6"], Enumerable.Range(0, 4).Select(message => TextOf(tokens, message)));
        Assert.DoesNotContain(tokens, token => token.Origin is null);
        Assert.All(tokens.Where(token => TestPolicy.Format.Tokenizer.IsSpecial(token.Id)), token => Assert.False(token.Origin!.Value.IsContent));
        Assert.Contains("echo", Text(tokens, token => token.Origin is { IsContent: true, Message: null }), StringComparison.Ordinal);
        Assert.All(tokens.Where(token => token.Source == SegmentSource.Scaffold), token => Assert.Equal(default(TokenOrigin), token.Origin));
    }

    [Fact]
    public async Task A_turn_that_was_cut_and_a_correction_tell_theirs()
    {
        ScriptedAnswer cut = TestPolicy.Cut("No call");
        EnvironmentDefinition two = TestEnvironment.Define((turn, _) => ValueTask.FromResult(
            turn.Number < 3 ? StepResult.Continue(ChatMessage.User("Go on"), ChatMessage.User("now")) : StepResult.End("right", 1)));
        using TestPolicy policy = TestPolicy.Answering(
            [], ScriptedEngine.InOrder(cut, TestPolicy.Cut("{"), TestPolicy.Say("9")));
        Trajectory trajectory = await policy.PlayAsync(two, new RolloutLimits { MaxTokensPerTurn = cut.Tokens.Count });
        TrajectoryToken[] tokens = Assert.Single(TrajectoryTokens.Read(trajectory, TestPolicy.Format));

        Assert.Equal(trajectory.Messages.Select(message => message.Content!), trajectory.Messages.Select((_, i) => TextOf(tokens, i)));
        Assert.DoesNotContain(tokens, token => token.Origin is null);
    }

    [Fact]
    public async Task A_new_sequence_tells_its_messages_too()
    {
        const string Forgetful = """
            {%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content if not loop.first or loop.length < 3 else 'gone') + '<|im_end|>\n' }}{% endfor %}
            {{- '<|im_start|>assistant\n' if add_generation_prompt }}
            """;
        ChatFormat format = ChatFormat.Create(TestPolicy.Format.Tokenizer, ChatTemplate.Parse(Forgetful, "forgetful"));
        EnvironmentDefinition two = TestEnvironment.Define((turn, _) => ValueTask.FromResult(
            turn.Number == 1 ? StepResult.Continue(ChatMessage.User("And then?")) : StepResult.End("right", 1)));
        using TestPolicy policy = TestPolicy.Answering([], ScriptedEngine.InOrder(TestPolicy.Say("6"), TestPolicy.Say("9")), format);
        Trajectory trajectory = await policy.PlayAsync(two, history: HistoryPolicy.Rerender);
        IReadOnlyList<TrajectoryToken[]> sequences = TrajectoryTokens.Read(trajectory, format);

        Assert.Equal(2, sequences.Count);
        Assert.Equal(["", "6", "And then?", "9"], Enumerable.Range(0, 4).Select(message => TextOf(sequences[1], message)));
        Assert.Contains("gone", Text(sequences[1], token => token.Origin == default(TokenOrigin)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_format_renders_otherwise_has_no_origin()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], EchoSix, "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));
        ChatMessage[] messages = [trajectory.Messages[0] with { Content = "Something else" }, .. trajectory.Messages.Skip(1)];
        TrajectoryToken[] tokens = TrajectoryTokens.Read(trajectory with { Messages = messages }, TestPolicy.Format)[0];

        Assert.Equal(
            tokens.Select(token => token.Source == SegmentSource.Prompt),
            tokens.Select(token => token.Origin is null));
        Assert.Equal("6", TextOf(tokens, 2));
    }

    private static string TextOf(TrajectoryToken[] tokens, int message) => Text(tokens, token => token.Origin?.Message == message);

    private static string Text(TrajectoryToken[] tokens, Func<TrajectoryToken, bool> isMeant) =>
        TestPolicy.Format.Tokenizer.Decode([.. tokens.Where(isMeant).Select(token => token.Id)]);
}
