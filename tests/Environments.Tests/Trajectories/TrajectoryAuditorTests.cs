using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments.Trajectories;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

public sealed class TrajectoryAuditorTests
{
    [Fact]
    public async Task An_untouched_trajectory_survives_its_json_and_passes()
    {
        Trajectory trajectory = await PlayAsync();

        Trajectory read = TrajectoryJson.Deserialize(TrajectoryJson.SerializeToUtf8(trajectory));

        Assert.Null(TrajectoryAuditor.FindProblem(read));
        Assert.Equal(TrajectoryJson.Serialize(trajectory), TrajectoryJson.Serialize(read));
    }

    public static TheoryData<string, string, string> Tampering => new()
    {
        { "mask", "sequences/0/loss_mask/0", "1" },
        { "sampled mask", "sequences/0/loss_mask/LAST", "0" },
        { "id", "sequences/0/token_ids/3", "42" },
        { "sampled id", "sequences/0/token_ids/LAST", "42" },
        { "log-probability", "sequences/0/logprobs/LAST", "-0.25" },
        { "missing log-probability", "sequences/0/logprobs/LAST", "null" },
        { "positive log-probability", "sequences/0/logprobs/LAST", "0.5" },
        { "log-probability of the prompt", "sequences/0/logprobs/0", "-0.5" },
        { "reward", "reward", "0.5" },
        { "reward component", "reward_components/exact_match", "0.5" },
        { "reward and component", "*", "reward" },
        { "weight version", "sequences/0/segments/1/weight_version", "9" },
        { "source", "sequences/0/segments/1/source", "\"observation\"" },
        { "segment border", "sequences/0/segments/1/end", "3" },
        { "turn", "sequences/0/segments/1/turn", "9" },
        { "status", "status", "\"truncated\"" },
        { "stop reason", "stop_reason", "\"failure\"" },
        { "schema", "schema", "\"agentrollout.trajectory/2\"" },
        { "digest", "digest", "\"sha256:00\"" },
        { "call span", "tool_calls/0/token_span", "[0, 2]" },
        { "call sequence", "tool_calls/0/sequence", "1" },
        { "call id of an observation", "sequences/0/segments/3/call_ids/0", "\"c9\"" },
        { "own audit", "audit/token_exact", "false" },
        { "failure", "failure", """{"boundary":"engine","message":"x"}""" },
    };

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task A_changed_trajectory_is_noticed(string what, string path, string value)
    {
        JsonNode json = JsonNode.Parse(TrajectoryJson.Serialize(await PlayAsync()))!;
        if (path == "*")
        {
            json["reward"] = 0.5;
            json["reward_components"]!["exact_match"] = 0.5;
        }
        else
        {
            Set(json, path.Split('/'), value);
        }

        string? problem = TrajectoryAuditor.FindProblem(TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json.ToJsonString())));

        Assert.True(problem is not null, $"A changed {what} passed.");
        Assert.EndsWith(".", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("token_ids")]
    [InlineData("loss_mask")]
    [InlineData("logprobs")]
    public async Task An_array_that_lost_its_last_entry_is_noticed(string array)
    {
        JsonNode json = JsonNode.Parse(TrajectoryJson.Serialize(await PlayAsync()))!;
        JsonArray entries = json["sequences"]![0]![array]!.AsArray();
        entries.RemoveAt(entries.Count - 1);

        Assert.NotNull(TrajectoryAuditor.FindProblem(TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json.ToJsonString()))));
    }

    [Fact]
    public async Task Any_single_changed_number_of_a_sequence_is_noticed()
    {
        string text = TrajectoryJson.Serialize(await PlayAsync());
        foreach (string array in (string[])["token_ids", "loss_mask", "logprobs"])
        {
            int length = JsonNode.Parse(text)!["sequences"]![0]![array]!.AsArray().Count;
            for (int i = 0; i < length; i++)
            {
                JsonNode json = JsonNode.Parse(text)!;
                JsonArray entries = json["sequences"]![0]![array]!.AsArray();
                entries[i] = entries[i] is { } old ? JsonValue.Create(old.GetValue<double>() + 1) : JsonValue.Create(-1.0);
                Assert.NotNull(TrajectoryAuditor.FindProblem(TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json.ToJsonString()))));
            }
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"schema\":")]
    public void What_is_no_trajectory_is_refused(string text) =>
        Assert.Throws<JsonException>(() => TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public async Task An_unknown_member_is_refused_by_name()
    {
        JsonNode json = JsonNode.Parse(TrajectoryJson.Serialize(await PlayAsync()))!;
        json["rewrad"] = 1;

        JsonException exception = Assert.Throws<JsonException>(() => TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json.ToJsonString())));

        Assert.Contains("rewrad", exception.Message, StringComparison.Ordinal);
    }

    private static async Task<Trajectory> PlayAsync()
    {
        using TestPolicy policy = TestPolicy.Saying([TestTool.Echo], TestTool.Call("echo", "6"), "6");
        return await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"));
    }

    private static void Set(JsonNode json, string[] path, string value)
    {
        JsonNode parent = json;
        foreach (string step in path[..^1])
            parent = Child(parent, step)!;
        JsonNode? node = JsonNode.Parse(value);
        if (parent is JsonArray array)
            array[path[^1] == "LAST" ? array.Count - 1 : int.Parse(path[^1])] = node;
        else
            parent[path[^1]] = node;
    }

    private static JsonNode? Child(JsonNode node, string step) => node is JsonArray array ? array[int.Parse(step)] : node[step];
}
