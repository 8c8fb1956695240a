using System.Text.Json;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Search;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin;

public sealed class BuiltinEnvironmentsTests
{
    [Fact]
    public async Task The_calculator_solves_a_generated_task()
    {
        EnvironmentDefinition definition = ArithmeticEnvironment.Definition;
        string expression = ArithmeticTasks.Draw(TaskSplit.Test, 5, 42).Expression;
        Assert.Equal(1, await PlayAsync(definition, definition.Generate!(TaskSplit.Test, 5, 42), CalculatorTool.Evaluate(expression)));
        Assert.Equal(0, await PlayAsync(definition, definition.Generate!(TaskSplit.Test, 5, 42), CalculatorTool.Evaluate(expression) + "0"));
    }

    [Fact]
    public async Task The_search_tool_shows_the_answer_of_a_generated_task()
    {
        EnvironmentDefinition definition = LookupEnvironment.Definition;
        LookupFact fact = LookupTasks.Draw(TaskSplit.Test, 5, 42);
        using LocalIndexSearch index = LookupFacts.OpenIndex();
        ITool search = LookupFacts.CreateSearchTool(index);
        Assert.Equal(definition.Tools, [search.Spec.Name]);

        JsonElement arguments = JsonSerializer.SerializeToElement(new { query = fact.Question });
        string found = await search.InvokeAsync(new ToolInvocation("c1", "t1", "search", arguments), CancellationToken.None);

        Assert.Contains(fact.Text, found, StringComparison.Ordinal);
        Assert.Equal(1, await PlayAsync(definition, definition.Generate!(TaskSplit.Test, 5, 42), fact.Answer));
    }

    private static async Task<double> PlayAsync(EnvironmentDefinition definition, RolloutTask task, string answer)
    {
        await using IEnvironment episode = definition.Create(task);
        await episode.BeginAsync(CancellationToken.None);
        StepResult end = await episode.StepAsync(new AssistantTurn(1, ChatMessage.Assistant(answer)), CancellationToken.None);
        return end.Rewards!["exact_match"];
    }
}
