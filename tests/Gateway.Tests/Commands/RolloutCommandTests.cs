using System.Text.Json;
using AgentRollout.Gateway.Commands;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class RolloutCommandTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;

    [Theory]
    [InlineData("arithmetic")]
    [InlineData("lookup")]
    public async Task A_rollout_writes_trajectories_that_hold_against_their_model(string environment)
    {
        string path = Path.Combine(_folder, "out.jsonl");

        CommandResult rollout = await CommandLineRunner.RunAsync(
            "rollout", "--environment", environment, "--count", "3", "--samples", "2", "--temperature", "0.7", "--out", path, "--json");
        CommandResult audit = await CommandLineRunner.RunAsync("audit", path, "--model", ModelFolder.Find(null));

        Assert.Equal((ExitCodes.Success, ""), (rollout.ExitCode, rollout.Error));
        JsonElement report = JsonElement.Parse(rollout.Lines[^1]);
        Assert.Equal(6, report.GetProperty("trajectories").GetInt32());
        Assert.True(report.GetProperty("tokens_per_second").GetDouble() > 0);
        Assert.Equal(6, File.ReadLines(path).Count());
        Assert.Equal((ExitCodes.Success, "6 checked, all hold."), (audit.ExitCode, audit.Lines[^1]));
    }

    [Fact]
    public async Task The_same_seed_samples_the_same_tokens_whatever_the_concurrency()
    {
        string[][] tokens = new string[2][];
        for (int run = 0; run < 2; run++)
        {
            string path = Path.Combine(_folder, $"{run}.jsonl");
            await CommandLineRunner.RunAsync(
                "rollout", "--environment", "arithmetic", "--count", "2", "--samples", "4", "--seed", "11", "--concurrency", run == 0 ? "1" : "8", "--out", path);
            tokens[run] = [.. File.ReadLines(path).Select(line => JsonElement.Parse(line).GetProperty("sequences").GetRawText()).Order(StringComparer.Ordinal)];
        }

        Assert.Equal(tokens[0], tokens[1]);
        Assert.Equal(8, tokens[0].Length);
    }

    [Fact]
    public async Task Tasks_come_from_a_file_and_a_table_shows_each_trajectory()
    {
        string generated = Path.Combine(_folder, "generated.jsonl");
        await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--count", "1", "--offset", "5", "--out", generated);
        JsonElement task = JsonElement.Parse(File.ReadLines(generated).Single()).GetProperty("task");
        string tasks = Path.Combine(_folder, "tasks.jsonl");
        await File.WriteAllTextAsync(tasks, $$"""{"id":"mine","data":{{task.GetProperty("data").GetRawText()}}}""");

        CommandResult result = await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--tasks", tasks, "--samples", "2");

        Assert.Equal(ExitCodes.Success, result.ExitCode);
        Assert.Equal(2, result.Lines.Count(line => line.Contains(" mine ", StringComparison.Ordinal)));
        Assert.DoesNotContain("\u001b", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "holds no task")]
    [InlineData("nonsense", "line 1 is not JSON")]
    [InlineData("""{"id":"a","data":{}}""", "'a'")]
    public async Task A_bad_task_file_is_refused_before_anything_is_played(string content, string message)
    {
        string path = Path.Combine(_folder, "tasks.jsonl");
        await File.WriteAllTextAsync(path, content);

        CommandResult result = await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--tasks", path);

        Assert.Equal((ExitCodes.Usage, ""), (result.ExitCode, result.Output));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_trajectories_are_shown_by_group()
    {
        CommandResult result = await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--count", "3", "--samples", "14");

        Assert.Contains(result.Lines, line => line.Contains("task", StringComparison.Ordinal) && line.Contains("mean reward", StringComparison.Ordinal));
        Assert.Equal(3, result.Lines.Count(line => line.Contains("arithmetic-train-0-", StringComparison.Ordinal)));
    }
}
