using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Tests.Storage;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class InspectCommandTests
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public async Task A_model_is_described()
    {
        CommandResult result = await CommandLineRunner.RunAsync("inspect", "model", ModelFolder.Find(null));

        Assert.Equal(ExitCodes.Success, result.ExitCode);
        Assert.Contains(result.Lines, line => line.StartsWith("architecture", StringComparison.Ordinal) && line.Contains("Qwen3", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("compute path", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("pooled-bert-mean", "gives", "embeddings of 36 numbers, of length 1", "mean")]
    [InlineData("pooled-qwen2-reward", "gives", "scores: LABEL_0", "last token")]
    public async Task A_model_that_does_not_generate_is_described_by_its_pooling(string name, string row, string value, string pooling)
    {
        CommandResult result = await CommandLineRunner.RunAsync(
            "inspect", "model", SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", name));

        Assert.Equal(ExitCodes.Success, result.ExitCode);
        Assert.Contains(result.Lines, line => line.StartsWith(row, StringComparison.Ordinal) && line.Contains(value, StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("pooling", StringComparison.Ordinal) && line.Contains(pooling, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_template_is_described_by_what_it_does_and_what_the_server_makes_of_it()
    {
        CommandResult result = await CommandLineRunner.RunAsync("inspect", "template", ModelFolder.Find(null));

        Assert.Contains(result.Lines, line => line.StartsWith("end of turn", StringComparison.Ordinal) && line.Contains("\"<|im_end|>\"", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("tool calls", StringComparison.Ordinal) && line.Contains("hermes", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("user message after an answer", StringComparison.Ordinal) && line.Contains("appends", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_template_without_a_model_is_described_by_what_it_does()
    {
        string path = Path.ChangeExtension(_path, ".jinja");
        await File.WriteAllTextAsync(path, "{{ messages[-1].content }}");
        CommandResult result = await CommandLineRunner.RunAsync("inspect", "template", path, "--json");
        File.Delete(path);

        JsonElement report = JsonElement.Parse(result.Lines[^1]);
        Assert.Equal("rewrites", report.GetProperty("user_turn").GetProperty("change").GetString());
        Assert.Equal("after nothing, \"4\" becomes \"And 3+3?\"", report.GetProperty("user_turn").GetProperty("why").GetString());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("format").ValueKind);
    }

    [Fact]
    public async Task A_trajectory_is_shown_token_by_token_with_its_calls()
    {
        await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--count", "1", "--samples", "2", "--temperature", "0", "--out", _path);
        JsonElement second = JsonElement.Parse(File.ReadLines(_path).Last());
        string id = second.GetProperty("id").GetString()!;
        JsonElement segment = second.GetProperty("sequences")[0].GetProperty("segments")[1];

        CommandResult one = await CommandLineRunner.RunAsync("inspect", "trajectory", _path, "--id", id, "--logprobs");
        CommandResult all = await CommandLineRunner.RunAsync("inspect", "trajectory", _path);

        Assert.Contains($"[{segment.GetProperty("start")}, {segment.GetProperty("end")}) sampled, turn 1, mask 1, weights 0, stop", one.Lines);
        Assert.Contains(one.Lines, line => line.EndsWith("<|im_end|>", StringComparison.Ordinal) && line.Contains(" -", StringComparison.Ordinal));
        Assert.Contains(all.Lines, line => line.StartsWith("call c1, turn 1", StringComparison.Ordinal) && line.Contains("calculator", StringComparison.Ordinal));
        Assert.Equal(2, all.Lines.Count(line => line.StartsWith("sequence 0:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Tokens_are_shown_by_the_messages_that_they_come_from()
    {
        await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--count", "1", "--temperature", "0", "--out", _path);
        CommandResult result = await CommandLineRunner.RunAsync("inspect", "trajectory", _path, "--messages");

        Assert.Contains(result.Lines, line => line == "  template: <|im_end|>");
        Assert.Contains(result.Lines, line => line.StartsWith("  tools: ", StringComparison.Ordinal));
        int calls = Array.FindIndex([.. result.Lines], line => line.StartsWith("call c1", StringComparison.Ordinal));
        string answer = result.Lines[calls + 1]["  result: ".Length..];
        Assert.Contains(result.Lines, line => line.StartsWith("  message ", StringComparison.Ordinal) && line.EndsWith(": " + answer, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_trajectory_of_another_tokenizer_is_refused()
    {
        await File.WriteAllTextAsync(_path, TrajectoryJson.Serialize(TestTrajectory.Create("r", 0)));

        CommandResult result = await CommandLineRunner.RunAsync("inspect", "trajectory", _path);

        Assert.Equal(ExitCodes.Usage, result.ExitCode);
        Assert.StartsWith("Trajectory 'r-0-0' was made with tokenizer sha256:0, but the model's is ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_trajectory_is_named()
    {
        await File.WriteAllTextAsync(_path, TrajectoryJson.Serialize(TestTrajectory.Create("r", 0)));

        CommandResult result = await CommandLineRunner.RunAsync("inspect", "trajectory", _path, "--id", "nope");

        Assert.Equal((ExitCodes.Usage, $"File '{_path}' holds no trajectory 'nope'.{Environment.NewLine}"), (result.ExitCode, result.Error));
    }
}
