using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Capture;

/// <summary>Agents of npm's clients, unmodified, beside the native loop on the same tasks.</summary>
public sealed class NpmAgentTests
{
    private const int Samples = 4;

    [Theory]
    [InlineData("openai", 16)]
    [InlineData("anthropic", 4)]
    public async Task Agents_at_once_sample_what_the_native_loop_samples(string protocol, int groups)
    {
        await using LoadedModel model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        await using TestGateway gateway = await TestGateway.StartAsync(model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()));
        RolloutTask[] tasks = [.. Enumerable.Range(0, groups).Select(index => ArithmeticTasks.Generate(TaskSplit.Test, 0, index))];
        string bodies = JsonSerializer.Serialize(tasks.Select(task => new { id = task.Id, data = task.Data }));
        string rest = $$""" "environment": "arithmetic", "tasks": {{bodies}}, "samples_per_task": {{Samples}}, "seed": 11""";
        string rollout = await gateway.AcceptAsync($$"""{ {{rest}} }""");
        await gateway.WaitForAsync(rollout, "completed");
        Trajectory[] native = await TrajectoriesAsync(gateway, rollout, groups);

        TestSession[] sessions = await TestSession.StartAsync(gateway.Client, $$"""{ {{rest}} }""");
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, new JsonObject
        {
            ["agents"] = new JsonArray([.. sessions.Select((session, index) => (JsonNode)new JsonObject
            {
                ["openai_base_url"] = session.OpenAi.ToString(),
                ["anthropic_base_url"] = session.Anthropic.ToString(),
                ["key"] = session.Key,
                ["question"] = tasks[index / Samples].Data.GetProperty("question").GetString(),
            })]),
            ["tools"] = JsonNode.Parse(JsonSerializer.Serialize(native[0].Tools.Select(tool => new { name = tool.Name, description = tool.Description, parameters = tool.Parameters }))),
            ["results"] = new JsonObject(native.SelectMany(trajectory => trajectory.ToolCalls)
                .Where(call => call.Arguments is not null && call.Result is not null)
                .DistinctBy(call => call.Arguments!.Value.GetProperty("expression").GetString())
                .Select(call => KeyValuePair.Create(call.Arguments!.Value.GetProperty("expression").GetString()!, (JsonNode?)call.Result))),
        }.ToJsonString(), TestContext.Current.CancellationToken);
        await TestNpmClients.CheckAsync("agents.mjs", file, protocol);
        File.Delete(file);

        for (int i = 0; i < sessions.Length; i++)
        {
            Trajectory captured = await sessions[i].SealAsync($$"""{"reward": {{native[i].Reward}}}""");
            JsonElement drift = (await sessions[i].StateAsync()).GetProperty("drift");
            Assert.Equal((0, 0), (drift.GetProperty("healed").GetInt32(), drift.GetProperty("forked").GetInt32()));
            Assert.Equal(native[i].Sequences.Single().TokenIds, captured.Sequences.Single().TokenIds);
            Assert.Equal(native[i].Sequences.Single().Logprobs, captured.Sequences.Single().Logprobs);
            Assert.Equal(native[i].Sequences.Single().LossMask, captured.Sequences.Single().LossMask);
            Assert.Equal((native[i].Turns, native[i].Audit.Template), (captured.Turns, captured.Audit.Template));
            Assert.Equal(native[i].ToolCalls.Select(call => call.Result), captured.ToolCalls.Select(call => call.Result));
        }

        await gateway.WaitForAsync(sessions[0].RolloutId, "completed");
        await VerifyAsync(gateway, sessions[0].Id);
    }

    private static async Task VerifyAsync(TestGateway gateway, string id)
    {
        using HttpResponseMessage begun = await gateway.Client.PostAsync($"/v1/trajectories/{id}/replay", TestSession.Json("{}"), TestContext.Current.CancellationToken);
        string replay = JsonElement.Parse(await begun.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("id").GetString()!;
        JsonElement state;
        do
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
            state = await gateway.GetAsync($"/v1/replays/{replay}");
        }
        while (state.GetProperty("state").GetString() is "queued" or "running");
        Assert.Equal("bit_exact", state.GetProperty("result").GetProperty("verify").GetProperty("outcome").GetString());
    }

    private static async Task<Trajectory[]> TrajectoriesAsync(TestGateway gateway, string rollout, int groups)
    {
        List<Trajectory> all = [];
        for (int task = 0; task < groups; task++)
        {
            for (int sample = 0; sample < Samples; sample++)
                all.Add(TrajectoryJson.Deserialize(await gateway.Client.GetByteArrayAsync($"/v1/trajectories/{rollout}-{task}-{sample}")));
        }

        return [.. all];
    }
}
