using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Storage;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Gateway.Tests.Reliability;

/// <summary>A database that cannot be written any more while its server runs.</summary>
public sealed class ReadOnlyDatabaseTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rollouts_wait_new_ones_are_refused_and_the_next_server_that_may_write_plays_all_of_it()
    {
        string path = TestGateway.NewDatabase();
        string id;
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            string before = await gateway.AcceptAsync(TestGateway.Request("yes?"));
            await gateway.WaitForAsync(before, "completed");
            id = await gateway.AcceptAsync(TestGateway.Request("slowly", samples: 4));
            await gateway.WaitForRunningAsync(id, 4);
            await MakeReadOnlyAsync(gateway.Services.GetRequiredService<GatewayDatabase>());

            using HttpResponseMessage refused = await gateway.PostAsync(TestGateway.Request("yes?"));
            JsonElement problem = await refused.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

            Assert.Equal((HttpStatusCode.ServiceUnavailable, "storage_unavailable"), (refused.StatusCode, problem.GetProperty("code").GetString()));
            Assert.Equal($"Database '{path}' or its folder is read-only; let the server write there.", problem.GetProperty("detail").GetString());
            Assert.Equal("running", (await gateway.GetAsync($"/v1/rollouts/{id}")).GetProperty("state").GetString());
            // What is there can still be read.
            Assert.Single((await gateway.GetAsync($"/v1/rollouts/{before}/trajectories")).EnumerateArray());
        }

        await using TestGateway next = await TestGateway.StartAsync(path: path);
        await next.WaitForAsync(id, "completed");
        JsonElement[] trajectories = [.. (await next.GetAsync($"/v1/rollouts/{id}/trajectories")).EnumerateArray()];

        Assert.Equal(4, trajectories.Length);
        Assert.All(trajectories, json => Assert.Null(TrajectoryAuditor.FindProblem(TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(json.GetRawText())))));
    }

    /// <summary>From now on SQLite refuses the writer every transaction, as it does where the file was made read-only.</summary>
    private static Task MakeReadOnlyAsync(GatewayDatabase database) =>
        database.Writer.RunAsync(statements => statements.Execute("PRAGMA query_only = ON"), Cancellation);
}
