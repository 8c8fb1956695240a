using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Gateway.Tests.Reliability;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>The program as an engine for others, in a process of its own.</summary>
public sealed class EngineNodeTests
{
    [Fact]
    public async Task An_engine_node_speaks_the_dialects_and_has_neither_rollouts_nor_a_database()
    {
        string folder = Directory.CreateTempSubdirectory("agentrollout-node-").FullName;
        using ServerProcess node = new(folder, roles: "engine");
        await node.StartAsync();

        JsonElement generated = await PostAsync("/generate", """{"input_ids": [5, 6], "sampling_params": {"max_new_tokens": 3, "sampling_seed": 1, "ignore_eos": true}}""");
        JsonElement chat = await PostAsync("/v1/chat/completions", """{"messages": [{"role": "user", "content": "1+1"}], "max_tokens": 3, "seed": 1}""");
        JsonElement tokens = await PostAsync("/inference/v1/generate", """{"token_ids": [5, 6], "sampling_params": {"max_tokens": 3, "seed": 1}}""");

        Assert.Equal(3, generated.GetProperty("output_ids").GetArrayLength());
        Assert.Equal(1, chat.GetProperty("choices").GetArrayLength());
        Assert.Equal(1, tokens.GetProperty("choices").GetArrayLength());
        Assert.Contains("agentrollout_engine", await node.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        foreach (string path in (string[])["/v1/rollouts", "/v1/trajectories", "/"])
        {
            using HttpResponseMessage none = await node.Client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        }

        Assert.Empty(Directory.GetFiles(folder));

        async Task<JsonElement> PostAsync(string path, string body)
        {
            using HttpResponseMessage response = await node.Client.PostAsync(path, new StringContent(body, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        }
    }
}
