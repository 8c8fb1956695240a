using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Tests.Commands;
using AgentRollout.Gateway.Tests.Reliability;
using AgentRollout.Gateway.Tests.Storage;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>The fleet of docker/start-fleet.sh: a gateway, two engine nodes, two tool workers, a broker and a database, each a process.</summary>
public sealed class FleetScriptTests
{
    private const int Tasks = 24;
    private const int Samples = 4;

    private readonly string _root = Directory.CreateTempSubdirectory("agentrollout-fleet-").FullName;

    [Fact]
    public async Task An_engine_node_that_is_killed_loses_no_trajectory_and_changes_no_token()
    {
        string[] expected;
        using (ServerProcess alone = new(_root))
        {
            await alone.StartAsync();
            expected = Describe(await alone.FinishAsync(await alone.BeginAsync("arithmetic", Tasks, Samples, seed: 11)));
        }

        using TestBroker broker = await TestBroker.StartAsync("5694");
        await using TestDatabase database = await TestDatabase.CreateAsync(TestDatabase.Postgres);
        int port = TestPorts.Free(inARow: 3);
        try
        {
            string address = await RunAsync("start-fleet.sh", port, broker.Url, database.Name);
            using HttpClient client = new() { BaseAddress = new Uri(address) };
            using HttpResponseMessage accepted = await client.PostAsJsonAsync(
                "/v1/rollouts",
                new { environment = "arithmetic", task_set = new { split = "test", offset = 0, count = Tasks }, samples_per_task = Samples, seed = 11 });
            string id = (await accepted.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
            string killed = $"127.0.0.1:{port + 1}";
            await ServerProcess.WaitAsync(async () => (await EngineAsync(client, killed)).GetProperty("in_flight").GetInt32() > 0);
            using (Process node = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(Path.Combine(_root, "engine-1", "pid")), CultureInfo.InvariantCulture)))
                node.Kill();
            await ServerProcess.WaitAsync(async () =>
                (await client.GetFromJsonAsync<JsonElement>($"/v1/rollouts/{id}")).GetProperty("state").GetString() is not ("queued" or "running"));

            Trajectory[] trajectories = [.. (await client.GetFromJsonAsync<JsonElement>($"/v1/rollouts/{id}/trajectories")).EnumerateArray()
                .Select(json => TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(json.GetRawText())))];
            Assert.Equal(expected, Describe(trajectories));
            Assert.All(trajectories, trajectory => Assert.True(trajectory.Audit.Passes));
            JsonElement lost = await EngineAsync(client, killed);
            Assert.Equal(("down", 1), (lost.GetProperty("state").GetString(), lost.GetProperty("losses").GetInt32()));
        }
        finally
        {
            await RunAsync("stop-fleet.sh", port, broker.Url, database.Name);
            Directory.Delete(_root, recursive: true);
        }
    }

    /// <summary>Task, sample and digest of each: token ids, log-probabilities, rewards and tool results.</summary>
    private static string[] Describe(IReadOnlyList<Trajectory> trajectories)
    {
        Assert.Equal(Tasks * Samples, trajectories.Count);
        return [.. trajectories.Select(trajectory => $"{trajectory.Task.Id} {trajectory.SampleIndex} {trajectory.StopReason} {trajectory.Digest}").Order(StringComparer.Ordinal)];
    }

    private static async Task<JsonElement> EngineAsync(HttpClient client, string name) =>
        (await client.GetFromJsonAsync<JsonElement>("/v1/engines")).EnumerateArray().Single(engine => engine.GetProperty("name").GetString() == name);

    private async Task<string> RunAsync(string script, int port, string broker, string database)
    {
        ProcessStartInfo start = new(SharedFiles.InRepository("docker", script)) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["AGENTROLLOUT_PROGRAM"] = $"dotnet {typeof(GatewayOptions).Assembly.Location}";
        start.Environment["AGENTROLLOUT_FLEET_ROOT"] = _root;
        start.Environment["AGENTROLLOUT_FLEET_PORT"] = port.ToString(CultureInfo.InvariantCulture);
        start.Environment["AGENTROLLOUT_RABBITMQ_URL"] = broker;
        start.Environment["AGENTROLLOUT_DATABASE"] = database;
        start.Environment["AGENTROLLOUT_THREADS"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string address = (await process.StandardOutput.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"docker/{script} ended with exit code {process.ExitCode}: {await errors}");
        return address;
    }
}
