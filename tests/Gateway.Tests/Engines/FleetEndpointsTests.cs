using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Tests.Rollouts;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>A server without an engine over two servers with one.</summary>
public sealed class FleetEndpointsTests : IAsyncLifetime
{
    private static readonly string Model = SharedFiles.InRepository("models", "tiny-agent");
    private readonly List<LoadedModel> _models = [];
    private readonly List<TestGateway> _nodes = [];
    private RoutedModel _routed = null!;
    private TestGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        for (int i = 0; i < 2; i++)
        {
            _models.Add(await LoadedModel.LoadAsync(Model, new EngineOptions { Threads = 1 }, NullLoggerFactory.Instance));
            _nodes.Add(await TestGateway.StartAsync(_models[i].Policy, AddParts, new GatewayOptions { Model = Model }));
        }

        RoutingSettings routing = new() { ProbeIntervalSeconds = 0.1, MaxBackoffSeconds = 0.1, PatienceSeconds = 60 };
        _routed = RoutedModel.Load(Model, routing, NullLoggerFactory.Instance);
        _gateway = await TestGateway.StartAsync(_routed.Policy, AddParts, new GatewayOptions { Model = Model });
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _routed.DisposeAsync();
        foreach (TestGateway node in _nodes)
            await node.DisposeAsync();
        foreach (LoadedModel model in _models)
            await model.DisposeAsync();
    }

    [Fact]
    public async Task Rollouts_over_a_fleet_give_the_tokens_of_one_engine_though_an_engine_leaves_in_the_middle()
    {
        await AssertNotReadyAsync();
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        Assert.Equal(HttpStatusCode.OK, (await _gateway.Client.GetAsync("/health/ready")).StatusCode);
        string[] expected = await PlayAsync(_nodes[0], leaves: false);
        Assert.Equal(expected, await PlayAsync(_gateway, leaves: true));
        JsonElement left = Assert.Single((await _gateway.GetAsync("/v1/engines")).EnumerateArray());
        Assert.Equal(("b", "up", "sglang"), (left.GetProperty("name").GetString(), left.GetProperty("state").GetString(), left.GetProperty("kind").GetString()));
        Assert.Equal(0, left.GetProperty("in_flight").GetInt32());
    }

    [Fact]
    public async Task Engines_are_added_drained_and_taken_out_and_what_is_wrong_is_said()
    {
        await AddAsync(null, 0);
        string name = _nodes[0].Client.BaseAddress!.Authority;
        await AssertRefusedAsync(HttpStatusCode.Conflict, "engine_exists", name, new { url = _nodes[0].Client.BaseAddress });
        await AssertRefusedAsync(HttpStatusCode.BadRequest, "invalid_value", "'ftp://a'", new { url = "ftp://a" });
        await AssertRefusedAsync(HttpStatusCode.BadRequest, "invalid_value", "one of sglang, vllm", new { url = "http://a", kind = "tgi" });
        await AssertRefusedAsync(HttpStatusCode.BadRequest, "invalid_value", "'a/b'", new { url = "http://a", name = "a/b" });
        using (HttpResponseMessage away = await _gateway.Client.PostAsJsonAsync("/v1/engines", new { url = "http://127.0.0.1:9", name = "away" }))
        {
            JsonElement engine = await away.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((HttpStatusCode.Created, "down"), (away.StatusCode, engine.GetProperty("state").GetString()));
            Assert.NotEmpty(engine.GetProperty("error").GetString()!);
        }

        Assert.Equal(HttpStatusCode.NoContent, (await _gateway.Client.PostAsync($"/v1/engines/{name}/drain", null)).StatusCode);
        Assert.Equal("draining", (await EngineAsync(name)).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.NoContent, (await _gateway.Client.DeleteAsync($"/v1/engines/{name}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.Client.DeleteAsync($"/v1/engines/{name}?force=true")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.Client.PostAsync($"/v1/engines/{name}/drain", null)).StatusCode);
        Assert.Equal("away", Assert.Single((await _gateway.GetAsync("/v1/engines")).EnumerateArray()).GetProperty("name").GetString());
        await AssertNotReadyAsync();
    }

    [Fact]
    public async Task Servers_register_as_with_SGLangs_router_and_leave_when_they_have_finished()
    {
        string[] urls = [.. _nodes.Select(node => node.Client.BaseAddress!.ToString().TrimEnd('/'))];
        using (HttpResponseMessage added = await _gateway.Client.PostAsJsonAsync("/workers", new { url = urls[0], worker_type = "regular" }))
            Assert.Equal(HttpStatusCode.Accepted, added.StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, (await _gateway.Client.PostAsync($"/add_worker?url={Uri.EscapeDataString(urls[1])}", null)).StatusCode);
        JsonElement listed = await _gateway.GetAsync("/workers");
        Assert.Equal((2, 2), (listed.GetProperty("total").GetInt32(), listed.GetProperty("stats").GetProperty("regular_count").GetInt32()));
        Assert.Equal(urls, listed.GetProperty("workers").EnumerateArray().Select(worker => worker.GetProperty("url").GetString()!));
        Assert.All(listed.GetProperty("workers").EnumerateArray(), worker => Assert.True(worker.GetProperty("is_healthy").GetBoolean()));
        await PlayAsync(_gateway, leaves: false);

        Assert.Equal(HttpStatusCode.Conflict, (await _gateway.Client.PostAsJsonAsync("/workers", new { url = urls[0] })).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await _gateway.Client.PostAsJsonAsync("/workers", new { url = urls[0], worker_type = "prefill" })).StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, (await _gateway.Client.PostAsync($"/remove_worker?url={urls[0]}", null)).StatusCode);
        string id = listed.GetProperty("workers")[1].GetProperty("id").GetString()!;
        Assert.Equal(HttpStatusCode.Accepted, (await _gateway.Client.DeleteAsync($"/workers/{id}")).StatusCode);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        while ((await _gateway.GetAsync("/list_workers")).GetProperty("urls").GetArrayLength() > 0)
            await Task.Delay(1, patience.Token);
        Assert.Equal(HttpStatusCode.BadRequest, (await _gateway.Client.DeleteAsync($"/workers/{id}")).StatusCode);
    }

    [Fact]
    public async Task Weights_go_to_every_engine_and_metrics_tell_of_each()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        using (HttpResponseMessage update = await _gateway.Client.PostAsJsonAsync("/v1/weights/from_disk", new { path = Model, version = 3 }))
        {
            JsonElement report = await update.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((HttpStatusCode.OK, 3L), (update.StatusCode, report.GetProperty("version").GetInt64()));
        }

        Assert.All(_models, model => Assert.Equal(3, model.Engine.Model.WeightVersion));
        Assert.All((await _gateway.GetAsync("/v1/engines")).EnumerateArray(), engine => Assert.Equal(3, engine.GetProperty("weight_version").GetInt64()));
        Assert.Equal(HttpStatusCode.NoContent, (await _gateway.Client.PostAsync("/v1/engine/pause", null)).StatusCode);
        Assert.All(_models, model => Assert.True(model.Engine.IsPaused));
        Assert.Equal(HttpStatusCode.NoContent, (await _gateway.Client.PostAsync("/v1/engine/resume", null)).StatusCode);
        Assert.All(_models, model => Assert.False(model.Engine.IsPaused));
        string metrics = await _gateway.Client.GetStringAsync("/metrics");
        Assert.Contains("agentrollout_engine_losses_total{agentrollout_engine_name=\"b\"} 0", metrics);
        Assert.Contains("agentrollout_engines{agentrollout_state=\"up\"} 2", metrics);
    }

    [Fact]
    public async Task A_server_with_an_engine_of_its_own_lists_it_and_takes_no_other()
    {
        JsonElement engine = Assert.Single((await _nodes[0].GetAsync("/v1/engines")).EnumerateArray());
        Assert.Equal(("local", "up"), (engine.GetProperty("name").GetString(), engine.GetProperty("state").GetString()));
        using HttpResponseMessage refused = await _nodes[0].Client.PostAsJsonAsync("/v1/engines", new { url = "http://127.0.0.1:9" });
        await RolloutEndpointsTests.AssertProblemAsync(refused, HttpStatusCode.BadRequest, "not_supported", "--roles api,tools");
    }

    private static void AddParts(IServiceCollection services) => services
        .AddSingleton(CalculatorTool.Create())
        .AddToolBus()
        .AddSingleton(provider => new EnvironmentCatalog(
            [ArithmeticEnvironment.Define(new RewardCatalog([]))], provider.GetRequiredService<ToolCatalog>()));

    /// <summary>Token ids of every trajectory of a rollout, by task and sample, with audits that pass.</summary>
    private async Task<string[]> PlayAsync(TestGateway gateway, bool leaves)
    {
        string id = await gateway.AcceptAsync("""{"environment": "arithmetic", "task_set": {"split": "train", "count": 6}, "samples_per_task": 2, "seed": 5}""");
        if (leaves)
        {
            using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
            while ((await EngineAsync("a")).GetProperty("in_flight").GetInt32() == 0)
                await Task.Delay(1, patience.Token);
            Assert.Equal(HttpStatusCode.NoContent, (await _gateway.Client.DeleteAsync("/v1/engines/a?force=true")).StatusCode);
        }

        await gateway.WaitForAsync(id, "completed");
        using HttpRequestMessage request = new(HttpMethod.Get, $"/v1/rollouts/{id}/trajectories");
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        JsonElement[] trajectories = [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(12, trajectories.Length);
        Assert.All(trajectories, trajectory => Assert.True(trajectory.GetProperty("audit").GetProperty("passes").GetBoolean()));
        return [.. trajectories.Select(trajectory =>
            $"{trajectory.GetProperty("task").GetProperty("id")} {trajectory.GetProperty("sample_index")} {trajectory.GetProperty("sequences")[0].GetProperty("token_ids")}").Order(StringComparer.Ordinal)];
    }

    private async Task AddAsync(string? name, int node)
    {
        using HttpResponseMessage added = await _gateway.Client.PostAsJsonAsync("/v1/engines", new { name, url = _nodes[node].Client.BaseAddress });
        JsonElement engine = await added.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(added.StatusCode == HttpStatusCode.Created && engine.GetProperty("state").GetString() == "up", engine.ToString());
    }

    private async Task<JsonElement> EngineAsync(string name) =>
        (await _gateway.GetAsync("/v1/engines")).EnumerateArray().Single(engine => engine.GetProperty("name").GetString() == name);

    private async Task AssertNotReadyAsync()
    {
        using HttpResponseMessage ready = await _gateway.Client.GetAsync("/health/ready");
        await RolloutEndpointsTests.AssertProblemAsync(ready, HttpStatusCode.ServiceUnavailable, "not_ready", "No engine takes requests");
    }

    private async Task AssertRefusedAsync(HttpStatusCode status, string code, string part, object body)
    {
        using HttpResponseMessage refused = await _gateway.Client.PostAsJsonAsync("/v1/engines", body);
        await RolloutEndpointsTests.AssertProblemAsync(refused, status, code, part);
    }
}
