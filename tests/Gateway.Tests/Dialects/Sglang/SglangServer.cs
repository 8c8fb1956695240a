using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects.Sglang;

/// <summary>The server with the embedded engine and the shipped model, as clients of SGLang see it.</summary>
internal sealed class SglangServer : IAsyncDisposable
{
    private readonly LoadedModel _model;

    private SglangServer(LoadedModel model, TestGateway gateway) => (_model, Gateway) = (model, gateway);

    public TestGateway Gateway { get; }

    public LocalEngine Engine => _model.Engine;

    public ChatFormat Format => _model.Policy.Format;

    public static async Task<SglangServer> StartAsync(GatewayOptions? options = null)
    {
        LoadedModel model = await LoadedModel.LoadAsync(SharedFiles.InRepository("models", "tiny-agent"), new EngineOptions { Threads = 1 }, NullLoggerFactory.Instance);
        options ??= new GatewayOptions();
        options.Model = SharedFiles.InRepository("models", "tiny-agent");
        return new SglangServer(model, await TestGateway.StartAsync(model.Policy, services => services.AddRolloutParts(RolloutParts.OpenSearch(options)), options));
    }

    /// <summary>The engine's own answer to a request.</summary>
    public async Task<(int[] Tokens, float[] Logprobs)> GenerateAsync(GenerationRequest request)
    {
        List<int> tokens = [];
        List<float> logprobs = [];
        await foreach (TokenChunk chunk in Engine.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            tokens.AddRange(chunk.Tokens.Span);
            logprobs.AddRange(chunk.Logprobs.Span);
        }

        return ([.. tokens], [.. logprobs]);
    }

    /// <summary>Posts JSON and reads the JSON of the answer.</summary>
    public async Task<JsonElement> PostAsync(string path, string body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await Gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == expected, $"{(int)response.StatusCode}: {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    /// <summary>The objects of a stream, which must end as streams do.</summary>
    public async Task<List<JsonElement>> StreamAsync(string body)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/generate") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        List<string> events = [];
        await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)).EnumerateAsync(TestContext.Current.CancellationToken))
            events.Add(item.Data);
        Assert.Equal("[DONE]", events[^1]);
        return [.. events[..^1].Select(data => JsonElement.Parse(data))];
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _model.DisposeAsync();
    }
}
