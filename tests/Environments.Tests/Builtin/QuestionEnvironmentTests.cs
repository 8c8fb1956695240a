using System.Text.Json;
using AgentRollout.Environments.Builtin;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin;

public sealed class QuestionEnvironmentTests
{
    [Fact]
    public async Task The_question_is_the_only_message()
    {
        await using QuestionEnvironment environment = Create("""{"question":"What is 2 + 3?","answer":"5","source":"a user"}""");
        ChatMessage message = Assert.Single(await environment.BeginAsync(CancellationToken.None));
        Assert.Equal(("user", "What is 2 + 3?"), (message.Role, message.Content));
    }

    [Theory]
    [InlineData("5", 1)]
    [InlineData(" 5\n", 1)]
    [InlineData("6", 0)]
    [InlineData("", 0)]
    [InlineData(null, 0)]
    public async Task The_first_answer_ends_the_episode(string? answer, double reward)
    {
        await using QuestionEnvironment environment = Create("""{"question":"What is 2 + 3?","answer":"5"}""");
        StepResult end = await environment.StepAsync(new AssistantTurn(1, ChatMessage.Assistant(answer)), CancellationToken.None);
        Assert.True(end.IsFinal);
        Assert.Equal(reward, end.Rewards!["exact_match"]);
    }

    [Fact]
    public async Task A_task_may_ask_for_the_f1_of_shared_words()
    {
        await using QuestionEnvironment environment = Create("""{"question":"Who?","answer":"red river","reward":"f1"}""");
        StepResult end = await environment.StepAsync(new AssistantTurn(1, ChatMessage.Assistant("river")), CancellationToken.None);
        // One of one given words is right, one of two wanted words is given: 2 * 1 * 0.5 / 1.5.
        Assert.Equal(2.0 / 3, end.Rewards!["f1"], 1e-12);
    }

    [Theory]
    [InlineData("""{"answer":"5"}""", "'question' is missing")]
    [InlineData("""{"question":"What?"}""", "'answer' is missing")]
    [InlineData("""{"question":"What?","answer":5}""", "'answer' is a JSON Number")]
    [InlineData("""{"question":null,"answer":"5"}""", "'question' is a JSON Null")]
    [InlineData("""{"question":" ","answer":"5"}""", "'question' is empty")]
    [InlineData("""{"question":"What?","answer":"5","reward":"bleu"}""", "reward 'bleu' is unknown; known rewards: exact_match, f1.")]
    [InlineData("""{"question":"What?","answer":"5","reward":1}""", "'reward' is a JSON Number")]
    [InlineData("""["What?","5"]""", "the data is a JSON Array")]
    public void Bad_data_is_refused_with_task_and_member(string data, string expected)
    {
        RolloutTaskException error = Assert.Throws<RolloutTaskException>(() => Create(data));
        Assert.StartsWith($"Task 'mine': {expected}", error.Message, StringComparison.Ordinal);
    }

    private static QuestionEnvironment Create(string data) => new(new RolloutTask("mine", JsonElement.Parse(data)));
}
