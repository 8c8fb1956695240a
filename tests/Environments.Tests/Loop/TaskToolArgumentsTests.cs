using System.Text.Json;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed class TaskToolArgumentsTests
{
    private const string NeedsTruth = """
        {"type": "object", "properties": {"create_kwargs": {"type": "object", "properties": {"ground_truth": {"type": "string"}}, "required": ["ground_truth"]}},
         "required": ["create_kwargs"]}
        """;

    [Theory]
    [InlineData("""{"tools_kwargs": {"judge": {"create_kwargs": {"ground_truth": "7"}}}}""")]
    [InlineData("""{"extra_info": {"tools_kwargs": {"judge": {"create_kwargs": {"ground_truth": "7"}}, "echo": null}}}""")]
    public async Task A_tool_gets_what_the_task_tells_it_and_its_last_score_is_a_component_of_the_reward(string data)
    {
        using TestPolicy policy = TestPolicy.Saying(
            [new Judge(), TestTool.Echo], TestTool.Call("judge", "7"), TestTool.Call("judge", "6") + TestTool.Call("judge", "7"), "done");
        EnvironmentDefinition environment = TestEnvironment.Expecting("done", "judge", "echo");

        Trajectory trajectory = await policy.PlayAsync(environment, data: data);

        Assert.Equal(["yes", "no", "yes"], trajectory.ToolCalls.Select(call => call.Result));
        Assert.Equal(new Dictionary<string, double> { ["exact_match"] = 1, ["tool:judge"] = 1 }, trajectory.RewardComponents);
        Assert.Equal(2, trajectory.Reward);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        Assert.DoesNotContain(trajectory.Messages, message => message.Content?.Contains("ground_truth", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("{}", "Task 't': 'tools_kwargs' of tool 'judge': Argument 'create_kwargs' is required.")]
    [InlineData("""{"tools_kwargs": []}""", "Task 't': 'tools_kwargs' is a JSON Array; it must be an object")]
    [InlineData("""{"tools_kwargs": {"judge": {"create_kwarg": {}}}}""", "Task 't': 'tools_kwargs' of tool 'judge': ")]
    [InlineData("""{"tools_kwargs": {"judge": {"create_kwargs": {"ground_truth": "7"}}, "echo": {}}}""", "Task 't': 'tools_kwargs' of tool 'echo': Tool 'echo' takes nothing from tasks.")]
    [InlineData("""{"tools_kwargs": {"judge": {"create_kwargs": {"ground_truth": "7"}}, "shell": {}}}""", "Task 't': 'tools_kwargs' names tool 'shell', which is not offered; offered tools: judge, echo.")]
    public async Task What_does_not_fit_is_a_failed_trajectory_and_never_ignored(string data, string error)
    {
        using TestPolicy policy = TestPolicy.Saying([new Judge(), TestTool.Echo], "done");

        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("done", "judge", "echo"), data: data);

        Assert.Equal(FailureBoundary.Environment, trajectory.Failure!.Boundary);
        Assert.StartsWith(error, trajectory.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_score_that_is_no_number_is_the_tools_failure()
    {
        TestTool tool = new("echo", (_, _) => Task.FromResult(new ToolInvocation("c", "t", "echo", default) { Score = double.NaN }.ToString()));
        using TestPolicy policy = TestPolicy.Saying([tool], TestTool.Call("echo", "x"), "done");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("done", "echo"));
        Assert.Equal("Tool 'echo' scored NaN; a score must be a finite number.", Assert.Single(trajectory.ToolCalls).Error);
        Assert.Equal(["exact_match"], trajectory.RewardComponents.Keys);
    }

    private sealed class Judge : ITool
    {
        public ToolSpec Spec { get; } = new("judge", "Says whether x is right.", TestTool.Echo.Spec.Parameters) { TaskArguments = JsonElement.Parse(NeedsTruth) };

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            string truth = invocation.TaskArguments!.Value.GetProperty("create_kwargs").GetProperty("ground_truth").GetString()!;
            bool right = invocation.Arguments.GetProperty("x").ValueEquals(truth);
            invocation.Score = right ? 1 : 0;
            return Task.FromResult(right ? "yes" : "no");
        }
    }
}
