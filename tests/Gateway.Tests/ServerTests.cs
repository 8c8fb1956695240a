using System.Net;
using System.Text.Json;
using Xunit;

namespace AgentRollout.Gateway.Tests;

public sealed class ServerTests
{
    [Fact]
    public async Task The_OpenAPI_document_lists_every_call()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();

        JsonElement document = await gateway.GetAsync("/openapi/v1.json");

        Assert.Equal(
            [
                "/health/live", "/health/ready", "/metrics", "/retrieve", "/run_code",
                "/v1/engine", "/v1/engine/flush_cache", "/v1/engine/pause", "/v1/engine/release_memory", "/v1/engine/resume", "/v1/engine/resume_memory",
                "/v1/engines", "/v1/engines/{name}", "/v1/engines/{name}/drain",
                "/v1/environments", "/v1/groups/{id}", "/v1/leases/{id}/ack", "/v1/leases/{id}/extend", "/v1/leases/{id}/release", "/v1/pending", "/v1/replays", "/v1/replays/{id}", "/v1/rollouts", "/v1/rollouts/{id}",
                "/v1/rollouts/{id}/leases", "/v1/rollouts/{id}/trajectories", "/v1/sandboxes", "/v1/sessions", "/v1/sessions/{id}", "/v1/sessions/{id}/reward", "/v1/sessions/{id}/seal", "/v1/tools", "/v1/tools/{name}",
                "/v1/trajectories", "/v1/trajectories/{id}", "/v1/trajectories/{id}/audit", "/v1/trajectories/{id}/diff", "/v1/trajectories/{id}/fork", "/v1/trajectories/{id}/journal", "/v1/trajectories/{id}/replay", "/v1/trajectories/{id}/tokens",
                "/v1/weights", "/v1/weights/from_disk", "/v1/weights/updates", "/v1/weights/updates/{id}", "/v1/weights/updates/{id}/abort",
                "/v1/weights/updates/{id}/bytes", "/v1/weights/updates/{id}/commit", "/v1/weights/updates/{id}/tensors/{name}",
            ],
            document.GetProperty("paths").EnumerateObject().Select(path => path.Name).Order(StringComparer.Ordinal));
        JsonElement request = document.GetProperty("components").GetProperty("schemas").GetProperty("StartRolloutRequest");
        Assert.Equal("environment", Assert.Single(request.GetProperty("required").EnumerateArray()).GetString());
        Assert.True(request.GetProperty("properties").TryGetProperty("samples_per_task", out _));
    }

    [Fact]
    public async Task Environments_and_tools_are_listed_with_their_schemas()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();

        JsonElement environments = await gateway.GetAsync("/v1/environments");
        JsonElement tool = Assert.Single((await gateway.GetAsync("/v1/tools")).EnumerateArray());

        Assert.Equal(["plain", "tools"], environments.EnumerateArray().Select(environment => environment.GetProperty("name").GetString()));
        Assert.Equal(("calculator", "built-in tools"), (tool.GetProperty("name").GetString(), tool.GetProperty("source").GetString()));
        Assert.True(tool.GetProperty("parameters").GetProperty("properties").TryGetProperty("expression", out _));
    }

    [Fact]
    public async Task The_server_is_live_and_ready_and_tells_of_its_engine()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();

        using HttpResponseMessage live = await gateway.Client.GetAsync("/health/live");
        using HttpResponseMessage ready = await gateway.Client.GetAsync("/health/ready");
        JsonElement engine = await gateway.GetAsync("/v1/engine");
        JsonElement sandboxes = await gateway.GetAsync("/v1/sandboxes");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (live.StatusCode, ready.StatusCode));
        Assert.Equal(("tiny", 4_096), (engine.GetProperty("model").GetString(), engine.GetProperty("context_length").GetInt32()));
        Assert.Equal((JsonValueKind.Null, 0), (sandboxes.GetProperty("runtime").ValueKind, sandboxes.GetProperty("leased").GetInt32()));
    }
}
