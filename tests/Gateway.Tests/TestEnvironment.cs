using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Tests;

/// <summary>Asks the question of its task and rewards the answer <c>yes</c>.</summary>
internal sealed class TestEnvironment(string question) : IEnvironment
{
    public static EnvironmentDefinition Define(string name, params string[] tools) => new()
    {
        Name = name,
        Description = "For tests.",
        Tools = tools,
        Create = task => new TestEnvironment(
            task.Data.TryGetProperty("question", out JsonElement question) && question.ValueKind == JsonValueKind.String
                ? question.GetString()!
                : throw new RolloutTaskException($"Task '{task.Id}' lacks the text 'question'.")),
        Generate = (split, _, index) => new RolloutTask($"{(split == TaskSplit.Test ? "test" : "train")}-{index}", JsonElement.Parse($$"""{"question":"number {{index}}"}""")),
    };

    public ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ChatMessage>>([ChatMessage.User(question)]);

    public ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken) =>
        ValueTask.FromResult(StepResult.End("said_yes", turn.Message.Content == "yes" ? 1 : 0));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
