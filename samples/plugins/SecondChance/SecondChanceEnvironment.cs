using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Tokenization.Chat;

namespace SecondChance;

/// <summary>
/// The environment <c>second_chance</c>: a product to work out; a wrong answer may be mended once, for half the reward.
/// Task data: <c>{"question": "…", "answer": "…"}</c>.
/// </summary>
public sealed class SecondChanceEnvironment : IEnvironment
{
    private readonly ClosenessReward _reward = new();
    private readonly string _question;
    private readonly string _answer;
    private bool _hasFailed;

    public SecondChanceEnvironment(RolloutTask task)
    {
        _question = Member(task, "question");
        _answer = Member(task, "answer");
    }

    /// <summary>Offers a tool of the program and one of another plugin.</summary>
    public static EnvironmentDefinition Definition { get; } = new()
    {
        Name = "second_chance",
        Description = "Products of two numbers; a wrong answer may be mended once.",
        Tools = ["calculator", "convert_length"],
        Create = task => new SecondChanceEnvironment(task),
        Generate = Generate,
    };

    public ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken) => new([ChatMessage.User(_question)]);

    public ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken)
    {
        double score = _reward.Score(turn.Message.Content ?? "", _answer);
        if (score == 1 || _hasFailed)
            return new(StepResult.End(_reward.Name, _hasFailed ? score / 2 : score));
        _hasFailed = true;
        return new(StepResult.Continue(ChatMessage.User("That is not right. Try once more.")));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Tasks to learn from begin with an even number, those to test with an odd one.</summary>
    private static RolloutTask Generate(TaskSplit split, ulong seed, long index)
    {
        ulong draw = (seed * 2_654_435_761 + (ulong)index) * 11_400_714_819_323_198_485;
        ulong first = draw / 1_000 % 400 * 2 + (split == TaskSplit.Train ? 10u : 11u), second = draw % 90 + 10;
        JsonElement data = JsonSerializer.SerializeToElement(new { question = $"What is {first} * {second}?", answer = $"{first * second}" });
        return new RolloutTask($"second_chance-{split}-{seed}-{index}", data);
    }

    private static string Member(RolloutTask task, string name) =>
        task.Data.ValueKind == JsonValueKind.Object && task.Data.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new RolloutTaskException($"Task '{task.Id}': '{name}' is not a string; the data needs 'question' and 'answer'.");
}
