using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

/// <summary>Holds the names and shapes of the JSON contract to <c>Fixtures/trajectory.json</c>, which docs/trajectory-format.md shows.</summary>
public sealed class TrajectoryJsonTests
{
    private static readonly string Golden = SharedFiles.InRepository("tests", "Environments.Tests", "Fixtures", "trajectory.json");

    [Fact]
    public async Task An_episode_with_a_tool_call_has_the_documented_json()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], "Let me see.\n" + TestTool.Call("echo", "6"), "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));
        JsonNode json = JsonNode.Parse(TrajectoryJson.Serialize(trajectory))!;
        foreach ((string name, _) in json["timings"]!.AsObject().ToArray())
            json["timings"]![name] = 0;
        json["tool_calls"]![0]!["queue_ms"] = 0;
        json["tool_calls"]![0]!["run_ms"] = 0;
        string actual = json.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";

        // Set this variable to take a change of the contract over into the file; it must then stand in CHANGELOG.md too.
        if (Environment.GetEnvironmentVariable("AGENTROLLOUT_UPDATE_GOLDEN") == "1")
            await File.WriteAllTextAsync(Golden, actual);

        Assert.Equal(await File.ReadAllTextAsync(Golden), actual);
        Assert.Null(TrajectoryAuditor.FindProblem(TrajectoryJson.Deserialize(await File.ReadAllBytesAsync(Golden))));
    }

    [Theory]
    [InlineData("""{"value": "1", "value": "6"}""")]
    [InlineData("""{"value": "6", "x": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}""")]
    public async Task What_a_model_wrote_as_arguments_can_be_read_again(string arguments)
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], $$"""<tool_call>{"name": "echo", "arguments": {{arguments}}}</tool_call>""", "6");
        Trajectory trajectory = await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));
        Assert.Equal(arguments, trajectory.ToolCalls.Single().Arguments!.Value.GetRawText());

        string json = TrajectoryJson.Serialize(trajectory);

        Assert.Equal(json, TrajectoryJson.Serialize(TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(json))));
    }

    [Fact]
    public void Every_stop_reason_and_failure_boundary_has_its_word()
    {
        Assert.Equal(
            ["environment_done", "max_turns", "max_tokens", "deadline", "parse_failure", "cancelled", "failure"],
            Enum.GetValues<StopReason>().Select(Word));
        Assert.Equal(["engine", "tool", "environment", "rendering", "loop"], Enum.GetValues<FailureBoundary>().Select(Word));
        Assert.Equal(["ok", "malformed", "unknown_tool", "invalid_arguments"], Enum.GetValues<ToolCallStatus>().Select(Word));
    }

    private static string Word<T>(T value) => JsonSerializer.Serialize(value, TrajectoryJson.Options).Trim('"');
}
