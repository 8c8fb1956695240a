using System.Text.Json;
using AgentRollout.Environments.Rewards;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Builtin;

/// <summary>
/// One question as the user message; the first turn that calls no tool is the final answer and ends the episode with its reward.
/// Task data: <c>{"question": "…", "answer": "…"}</c>, and <c>"reward"</c> where it is not <c>exact_match</c>; further members are the
/// task author's own.
/// </summary>
public sealed class QuestionEnvironment : IEnvironment
{
    private readonly string _question;
    private readonly string _answer;
    private readonly IReward _reward;

    /// <param name="task">What is asked.</param>
    /// <param name="rewards">Those that the task may name; by default the built-in ones.</param>
    /// <exception cref="RolloutTaskException">The task's data lacks a question or an answer, or names an unknown reward.</exception>
    public QuestionEnvironment(RolloutTask task, RewardCatalog? rewards = null)
    {
        rewards ??= RewardCatalog.BuiltIn;
        _question = Member(task, "question");
        _answer = Member(task, "answer");
        string reward = task.Data.TryGetProperty("reward", out _) ? Member(task, "reward") : rewards.Default.Name;
        _reward = rewards.Find(reward) ?? throw new RolloutTaskException(
            $"Task '{task.Id}': reward '{reward}' is unknown; known rewards: {string.Join(", ", rewards.Names)}.");
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken) => new([ChatMessage.User(_question)]);

    /// <inheritdoc/>
    public ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken) =>
        new(StepResult.End(_reward.Name, _reward.Score((turn.Message.Content ?? "").Trim(), _answer)));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The data of a generated task.</summary>
    internal static JsonElement Data(string question, string answer) =>
        JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["question"] = question, ["answer"] = answer });

    private static string Member(RolloutTask task, string name)
    {
        if (task.Data.ValueKind != JsonValueKind.Object)
            throw new RolloutTaskException($"Task '{task.Id}': the data is a JSON {task.Data.ValueKind}; it must be an object with 'question' and 'answer'.");
        if (!task.Data.TryGetProperty(name, out JsonElement value))
            throw new RolloutTaskException($"Task '{task.Id}': '{name}' is missing; the data needs 'question' and 'answer'.");
        if (value.ValueKind != JsonValueKind.String)
            throw new RolloutTaskException($"Task '{task.Id}': '{name}' is a JSON {value.ValueKind}; it must be a string.");
        string text = value.GetString()!;
        return string.IsNullOrWhiteSpace(text) ? throw new RolloutTaskException($"Task '{task.Id}': '{name}' is empty.") : text;
    }
}
