using System.Net;
using System.Text;
using System.Text.Json;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>The server with the shipped model, and calls of its dialects over HTTP.</summary>
internal sealed class DialectClient : IAsyncDisposable
{
    private readonly TestGateway _gateway;

    private DialectClient(LoadedModel model, TestGateway gateway) => (Model, _gateway) = (model, gateway);

    public LoadedModel Model { get; }

    public HttpClient Http => _gateway.Client;

    public static async Task<DialectClient> StartAsync(GatewayOptions? options = null)
    {
        options ??= new GatewayOptions();
        options.Model ??= ModelFolder.Find(null);
        LoadedModel model = await LoadedModel.LoadAsync(options.Model, new EngineOptions { ChunkIntervalMs = 0 }, NullLoggerFactory.Instance);
        TestGateway gateway = await TestGateway.StartAsync(
            model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()), options);
        return new DialectClient(model, gateway);
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    public static float[] Numbers(IEnumerable<JsonElement> list) => [.. list.Select(number => number.GetSingle())];

    /// <summary>Posts a body that must be accepted.</summary>
    public async Task<JsonElement> PostAsync(string path, string body = "")
    {
        (HttpStatusCode status, string text) = await SendAsync(HttpMethod.Post, path, body);
        Assert.True(status == HttpStatusCode.OK, text);
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        (HttpStatusCode status, string text) = await SendAsync(HttpMethod.Get, path, body: null);
        Assert.True(status == HttpStatusCode.OK, text);
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    /// <summary>Sends a request, to another port than the one listened on where a host is given.</summary>
    public async Task<(HttpStatusCode Status, string Text)> SendAsync(HttpMethod method, string path, string? body, string? host = null)
    {
        using HttpRequestMessage request = new(method, path);
        request.Headers.Host = host;
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>All events of a stream but the last, which must be <c>[DONE]</c>.</summary>
    public async Task<JsonElement[]> StreamAsync(string path, string body)
    {
        (HttpStatusCode status, string text) = await SendAsync(HttpMethod.Post, path, body);
        Assert.True(status == HttpStatusCode.OK, text);
        string[] lines = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", lines[^1]);
        return [.. lines[..^1].Select(line => JsonElement.Parse(line["data: ".Length..]))];
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await Model.DisposeAsync();
    }
}
