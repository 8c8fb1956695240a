using System.Text.Json;
using AgentRollout.Gateway.Commands;
using AgentRollout.Testing;
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
    public async Task The_tools_of_a_rollout_get_the_time_that_it_has_for_them()
    {
        string path = Path.Combine(_folder, "out.jsonl");

        CommandResult rollout = await CommandLineRunner.RunAsync(
            "rollout", "--environment", "lookup", "--count", "4", "--temperature", "0", "--out", path, "--max-tool-seconds", "0.001", "--when-spent", "end");
        CommandResult audit = await CommandLineRunner.RunAsync("audit", path);

        Assert.Equal((ExitCodes.Success, ""), (rollout.ExitCode, rollout.Error));
        Assert.Equal((ExitCodes.Success, "4 checked, all hold."), (audit.ExitCode, audit.Lines[^1]));
        Assert.Contains(
            File.ReadLines(path).SelectMany(line => JsonElement.Parse(line).GetProperty("tool_calls").EnumerateArray()),
            call => call.GetProperty("error").GetString()?.EndsWith(" within 0.001 s.", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task Tools_of_a_configuration_are_called_as_those_of_the_program()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, "7"));
        string config = Path.Combine(_folder, "config.json"), path = Path.Combine(_folder, "out.jsonl");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            http_tools = new[] { new { name = "remote", description = "d", parameters = new { type = "object" }, url = server.Url } },
            mcp_servers = new[] { new { name = "all", command = TestMcpServers.Node, args = TestMcpServers.Everything("stdio"), tools = new[] { "get-sum" } } },
        }));

        CommandResult rollout = await CommandLineRunner.RunAsync(
            "rollout", "--environment", "arithmetic", "--count", "1", "--temperature", "0", "--config", config, "--tools", "remote", "get-sum", "--out", path);
        CommandResult unknown = await CommandLineRunner.RunAsync(
            "rollout", "--environment", "arithmetic", "--count", "1", "--config", config, "--tools", "nothing");

        Assert.Equal((ExitCodes.Success, ""), (rollout.ExitCode, rollout.Error));
        string prompt = File.ReadAllText(path);
        Assert.Contains("remote", prompt, StringComparison.Ordinal);
        Assert.Contains("get-sum", prompt, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, unknown.ExitCode);
        Assert.StartsWith("Tool 'nothing' is unknown; known tools: calculator, get-sum, remote", unknown.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--max-result-tokens", "63", "Option '--max-result-tokens' is '63'; it must be an integer from 64 to 1000000.")]
    [InlineData("--max-tool-seconds", "0", "Option '--max-tool-seconds' is '0'; it must be a number from 0.001 to 86400.")]
    [InlineData("--truncate-results", "top", "Option '--truncate-results' is 'top'; known values: left, middle, right.")]
    public async Task A_bad_limit_is_refused_with_its_range(string option, string value, string message)
    {
        CommandResult result = await CommandLineRunner.RunAsync("rollout", "--environment", "lookup", option, value);

        Assert.Equal(ExitCodes.Usage, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_biased_token_is_all_that_is_sampled_and_one_outside_the_vocabulary_is_refused()
    {
        string path = Path.Combine(_folder, "biased.jsonl");
        string[] command = ["rollout", "--environment", "arithmetic", "--count", "1", "--temperature", "0", "--max-turns", "1", "--max-tokens", "600", "--out", path];

        CommandResult biased = await CommandLineRunner.RunAsync([.. command, "--logit-bias", "70=100", "--logit-bias", "71=-100"]);
        CommandResult refused = await CommandLineRunner.RunAsync([.. command, "--logit-bias", "999999=1"]);

        Assert.Equal((ExitCodes.Success, ""), (biased.ExitCode, biased.Error));
        JsonElement trajectory = JsonElement.Parse(File.ReadLines(path).First());
        Assert.Equal(100, trajectory.GetProperty("sampling").GetProperty("logit_bias").GetProperty("70").GetSingle());
        int[] tokens = [.. trajectory.GetProperty("sequences")[0].GetProperty("token_ids").EnumerateArray().Select(token => token.GetInt32())];
        Assert.All(tokens[^20..], token => Assert.Equal(70, token));
        Assert.Equal(ExitCodes.Usage, refused.ExitCode);
        Assert.StartsWith("The sampling has a logit_bias for token id 999999; ids are 0 to ", refused.Error, StringComparison.Ordinal);
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
