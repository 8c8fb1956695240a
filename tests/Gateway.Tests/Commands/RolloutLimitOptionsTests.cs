using System.CommandLine;
using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Commands;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class RolloutLimitOptionsTests
{
    [Fact]
    public void Without_options_the_limits_are_the_defaults()
    {
        RolloutLimits limits = Read();

        Assert.Equal(new RolloutLimits() with { ResultsByTool = limits.ResultsByTool }, limits);
    }

    [Fact]
    public void Every_option_reaches_its_limit()
    {
        RolloutLimits limits = Read(
            "--max-turns", "3", "--max-tokens", "400", "--max-tool-calls-per-turn", "2", "--max-tool-calls", "5", "--max-tool-seconds", "1.5",
            "--max-observation-tokens", "600", "--when-spent", "end",
            "--max-result-characters", "700", "--max-result-tokens", "80", "--truncate-results", "left");

        Assert.Equal(
            new RolloutLimits
            {
                MaxTurns = 3,
                MaxTokens = 400,
                MaxToolCallsPerTurn = 2,
                MaxToolCalls = 5,
                MaxToolTime = TimeSpan.FromSeconds(1.5),
                MaxObservationTokens = 600,
                WhenSpent = SpentBudget.End,
                Results = new ResultLimits { MaxCharacters = 700, MaxTokens = 80, Truncate = Truncation.Left },
                ResultsByTool = limits.ResultsByTool,
            },
            limits);
    }

    private static RolloutLimits Read(params string[] arguments)
    {
        RolloutLimitOptions options = new();
        Command command = new("limits");
        foreach (Option option in options.All)
            command.Add(option);
        ParseResult parsed = command.Parse(arguments);
        Assert.Empty(parsed.Errors);
        return options.Read(parsed);
    }
}
