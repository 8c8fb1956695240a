using System.Text.Json;
using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Rollouts;

public sealed class EmbeddedEngineTests
{
    [Fact]
    public async Task Concurrent_rollouts_on_the_shipped_model_all_end_and_give_every_page_back()
    {
        await using LoadedModel model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        await using TestGateway gateway = await TestGateway.StartAsync(model.Policy, services => services.AddRolloutParts(_ => AgentRollout.Environments.Builtin.Lookup.LookupFacts.OpenIndex()));
        string[] environments = ["arithmetic", "lookup"];

        string[] ids = await Task.WhenAll(Enumerable.Range(0, 64).Select(index => gateway.AcceptAsync(
            $$"""{"environment":"{{environments[index % 2]}}","task_set":{"offset":{{index}},"count":1},"samples_per_task":2}""")));
        for (int index = 0; index < ids.Length; index += 8)
            using (await gateway.Client.DeleteAsync($"/v1/rollouts/{ids[index]}"))
            {
            }

        foreach (string id in ids)
        {
            JsonElement trajectories = (await gateway.WaitForAsync(id, "completed", "cancelled")).GetProperty("trajectories");
            Assert.Equal(0, trajectories.GetProperty("failed").GetInt32());
        }

        Assert.Equal(0, (await gateway.GetAsync("/v1/engine")).GetProperty("statistics").GetProperty("pages_in_use").GetInt32());
    }
}
