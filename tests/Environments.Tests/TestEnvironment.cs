using System.Text.Json;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Tests;

/// <summary>An environment made of two functions, with one question in front.</summary>
internal sealed class TestEnvironment(Func<AssistantTurn, CancellationToken, ValueTask<StepResult>> step) : IEnvironment
{
    public bool Disposed { get; private set; }

    public static RolloutTask Task(string id = "t") => new(id, JsonElement.Parse("{}"));

    /// <summary>Ends with reward 1 where the answer is <paramref name="expected"/>, else 0.</summary>
    public static EnvironmentDefinition Expecting(string expected, params string[] tools) => Define(
        (turn, _) => ValueTask.FromResult(StepResult.End("exact_match", turn.Message.Content == expected ? 1 : 0)), tools);

    public static EnvironmentDefinition Define(Func<AssistantTurn, CancellationToken, ValueTask<StepResult>> step, params string[] tools) =>
        Define(_ => new TestEnvironment(step), tools);

    public static EnvironmentDefinition Define(Func<RolloutTask, IEnvironment> create, params string[] tools) => new()
    {
        Name = "test",
        Description = "For tests.",
        Tools = tools,
        Create = create,
    };

    public ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ChatMessage>>([ChatMessage.User("What is 2*3?")]);

    public ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken) => step(turn, cancellationToken);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        return ValueTask.CompletedTask;
    }
}
