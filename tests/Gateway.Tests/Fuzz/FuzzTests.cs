using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Dialects;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Testing;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Fuzz;

/// <summary>Bad input of all kinds for every endpoint, on the embedded engine.</summary>
public sealed class FuzzTests : IAsyncLifetime
{
    private const int Seed = 20261124;
    private const int Workers = 8;
    private static readonly int Requests = int.Parse(Environment.GetEnvironmentVariable("AGENTROLLOUT_FUZZ_REQUESTS") ?? "10000", System.Globalization.CultureInfo.InvariantCulture);

    private LoadedModel _model = null!;
    private TestGateway _gateway = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        string folder = SharedFiles.InRepository("models", "tiny-agent");
        _model = await LoadedModel.LoadAsync(folder, new EngineOptions(), NullLoggerFactory.Instance);
        GatewayOptions options = new() { Model = folder };
        _gateway = await TestGateway.StartAsync(_model.Policy, services => services.AddRolloutParts(RolloutParts.OpenSearch(options)), options);
        _gateway.Client.Timeout = TimeSpan.FromMinutes(2);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _model.DisposeAsync();
    }

    [Fact]
    public void Every_endpoint_has_its_place_in_the_fuzz()
    {
        IEnumerable<string> endpoints = _gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(method => $"{method} /{endpoint.RoutePattern.RawText?.Trim('/')}"))
            // The page's files, SignalR, and the description of the rest.
            .Where(endpoint => !((string[])["/page/", "/hubs/", "/openapi/"]).Any(folder => endpoint.Contains(folder, StringComparison.Ordinal)));

        Assert.Equal("", string.Join('\n', endpoints.Except(FuzzTarget.All.Select(target => $"{target.Method} {target.Route}")).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Bad_requests_are_never_the_servers_fault_and_leave_nothing_behind()
    {
        string[] ids = await PlayAsync();
        FuzzTarget[] together = [.. FuzzTarget.All.Where(target => !target.HoldsEngine)], alone = [.. FuzzTarget.All.Where(target => target.HoldsEngine)];
        ConcurrentBag<string> faults = [];
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => SendAsync(together, ids, Seed + worker, Requests * 9 / 10 / Workers, faults))));
        await SendAsync(alone, ids, Seed + Workers, Requests / 10, faults, LetGoAsync);

        Assert.True(faults.IsEmpty, string.Join('\n', faults.Order(StringComparer.Ordinal).Take(20)));
        await EndRolloutsAsync();
        await UntilAsync(() => _gateway.Services.GetRequiredService<LiveCalls>().Count == 0);
        await UntilAsync(() => _model.Engine.Statistics is { Running: 0, Waiting: 0, PagesInUse: 0 });
        using HttpResponseMessage answer = await _gateway.Client.PostAsJsonAsync("/v1/chat/completions", new { messages = (object[])[new { role = "user", content = "1+1" }], max_tokens = 4 }, Cancellation);
        Assert.True(answer.IsSuccessStatusCode);
    }

    private async Task SendAsync(FuzzTarget[] targets, string[] ids, int seed, int count, ConcurrentBag<string> faults, Func<Task>? after = null)
    {
        Random random = new(seed);
        RequestSpoiler spoiler = new(random, ids);
        FuzzClient client = new(_gateway.Client);
        for (int i = 0; i < count; i++)
        {
            FuzzRequest request = spoiler.Spoil(targets[random.Next(targets.Length)]);
            try
            {
                // Whoever has no sandboxes is told so by 501.
                if (await client.SendAsync(request, Cancellation) is >= 500 and not 501 and var status)
                    faults.Add($"{status}: {request}");
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException && !Cancellation.IsCancellationRequested)
            {
                faults.Add($"{exception.Message}: {request}");
            }

            if (after is not null)
                await after();
        }
    }

    /// <summary>What a request may have taken away is given back.</summary>
    private async Task LetGoAsync()
    {
        await _model.Engine.ResumeMemoryAsync(EngineMemory.All, Cancellation);
        await _model.Engine.ResumeAsync(Cancellation);
    }

    /// <summary>A rollout of which there is something to ask.</summary>
    private async Task<string[]> PlayAsync()
    {
        string rollout = await _gateway.AcceptAsync("""{"environment": "arithmetic", "task_set": {"count": 2}, "samples_per_task": 2, "limits": {"max_tokens_per_turn": 32}}""");
        await _gateway.WaitForAsync(rollout, "completed");
        JsonElement trajectories = await _gateway.GetAsync("/v1/trajectories?limit=10");
        using HttpResponseMessage opened = await _gateway.Client.PostAsJsonAsync("/v1/sessions", new { limits = new { max_tokens_per_turn = 4 } }, Cancellation);
        JsonElement session = (await opened.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("sessions")[0];
        // Nobody but the session asks for it.
        _gateway.Client.DefaultRequestHeaders.Authorization = new("Bearer", session.GetProperty("key").GetString());
        return [rollout, "weather", "model.norm.weight", session.GetProperty("id").GetString()!, .. trajectories.GetProperty("trajectories").EnumerateArray().Select(trajectory => trajectory.GetProperty("id").GetString()!)];
    }

    private async Task EndRolloutsAsync()
    {
        while (true)
        {
            JsonElement[] open = [.. (await _gateway.GetAsync("/v1/rollouts?limit=1000")).GetProperty("rollouts").EnumerateArray()
                .Where(rollout => rollout.GetProperty("state").GetString() is "queued" or "running" or "capturing")];
            if (open is [])
                return;
            foreach (JsonElement rollout in open)
                (await _gateway.Client.DeleteAsync($"/v1/rollouts/{rollout.GetProperty("id").GetString()}", Cancellation)).Dispose();
            await Task.Delay(50, Cancellation);
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        while (!holds())
            await Task.Delay(20, patience.Token);
    }
}
