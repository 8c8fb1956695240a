using AgentRollout.Environments.Loop;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Gateway.Tests;

public sealed class ToolResultSettingsTests
{
    [Fact]
    public void A_rollout_wins_over_the_server_and_a_tool_over_all_tools()
    {
        ToolResultSettings server = new()
        {
            MaxCharacters = 1_000, MaxTokens = 500, Truncate = Truncation.Left,
            ByTool = new Dictionary<string, ToolResultLimits> { ["a"] = new() { MaxCharacters = 2_000, MaxTokens = 100 }, ["b"] = new() { MaxTokens = 300 } },
        };
        ToolResultSettings rollout = new()
        {
            MaxTokens = 400, ByTool = new Dictionary<string, ToolResultLimits> { ["a"] = new() { MaxTokens = 200, Truncate = Truncation.Right } },
        };

        RolloutLimits limits = ToolResultSettings.Apply(new RolloutLimits(), server, rollout);

        Assert.Equal(new ResultLimits { MaxCharacters = 2_000, MaxTokens = 200, Truncate = Truncation.Right }, limits.ResultsOf("a"));
        Assert.Equal(new ResultLimits { MaxCharacters = 1_000, MaxTokens = 400, Truncate = Truncation.Left }, limits.ResultsOf("b"));
        Assert.Equal(new ResultLimits { MaxCharacters = 1_000, MaxTokens = 400, Truncate = Truncation.Left }, limits.ResultsOf("c"));
        Assert.Equal(new ResultLimits(), ToolResultSettings.Apply(new RolloutLimits(), new(), new()).ResultsOf("a"));
    }
}
