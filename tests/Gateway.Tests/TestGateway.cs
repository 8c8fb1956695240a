using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AgentRollout.Gateway.Tests;

/// <summary>
/// The real server on a loopback port, with a scripted engine: it answers <c>yes</c>; a question with the word <c>calculate</c> is first
/// answered with a tool call, one with the word <c>weather</c> with a call of a tool of that name, one with the word <c>slowly</c> with a token every 20 ms, and one with the word <c>endlessly</c> too, for a minute.
/// </summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private static readonly ChatFormat Format = ChatFormat.Load(SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly WebApplication _app;
    private readonly GatewayDatabase _database;
    private readonly ITokenEngine _engine;

    private TestGateway(WebApplication app, GatewayDatabase database, ITokenEngine engine)
    {
        _app = app;
        _database = database;
        _engine = engine;
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public HttpClient Client { get; }

    public ScriptedEngine Engine => (ScriptedEngine)_engine;

    public IServiceProvider Services => _app.Services;

    public static string NewDatabase() => Path.Combine(Directory.CreateTempSubdirectory("agentrollout-").FullName, "test.db");

    public static Task<TestGateway> StartAsync(GatewayOptions? options = null, string? path = null, Action<IServiceCollection>? configure = null)
    {
        ScriptedEngine engine = new(Script, new EngineModel("tiny", Format.Tokenizer.VocabularySize, 4_096, [Format.EndOfTurnId], 0));
        return StartAsync(
            new Policy("tiny", engine, Format),
            services =>
            {
                services
                    .AddSingleton(CalculatorTool.Create())
                    .AddToolBus()
                    .AddSingleton(provider => new EnvironmentCatalog(
                        [TestEnvironment.Define("plain"), TestEnvironment.Define("tools", "calculator")], provider.GetRequiredService<ToolCatalog>()));
                configure?.Invoke(services);
            },
            options,
            path);
    }

    public static async Task<TestGateway> StartAsync(
        Policy policy, Action<IServiceCollection> configure, GatewayOptions? options = null, string? path = null)
    {
        options ??= new GatewayOptions();
        options.Urls = ["http://127.0.0.1:0"];
        GatewayDatabase database = GatewayDatabase.Open(path ?? NewDatabase());
        string weights = database is SqliteDatabase ? database.Name : NewDatabase();
        WebApplication app = GatewayApplication.Build(options, policy, database, WeightFolder.Open(weights + ".weights"), services =>
        {
            services.AddLogging(logging => logging.ClearProviders());
            configure(services);
        });
        await app.StartAsync();
        return new TestGateway(app, database, policy.Engine);
    }

    /// <summary>A request for one task with this question.</summary>
    public static string Request(string question, int samples = 1, string environment = "plain", int tasks = 1) => JsonSerializer.Serialize(new
    {
        environment,
        tasks = Enumerable.Range(0, tasks).Select(index => new { id = $"t{index}", data = new { question } }),
        samples_per_task = samples,
        seed = 1,
    });

    public Task<HttpResponseMessage> PostAsync(string json) =>
        Client.PostAsync("/v1/rollouts", new StringContent(json, System.Text.Encoding.UTF8, "application/json"));

    /// <summary>Starts a rollout and returns its id.</summary>
    public async Task<string> AcceptAsync(string json)
    {
        using HttpResponseMessage response = await PostAsync(json);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    public Task<JsonElement> GetAsync(string path) => Client.GetFromJsonAsync<JsonElement>(path);

    /// <summary>Waits until the rollout's state is one of these.</summary>
    public async Task<JsonElement> WaitForAsync(string id, params string[] states)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            JsonElement rollout = await GetAsync($"/v1/rollouts/{id}");
            if (states.Contains(rollout.GetProperty("state").GetString()))
                return rollout;
            await Task.Delay(10, patience.Token);
        }
    }

    /// <summary>Waits until trajectories of the rollout are in play.</summary>
    public async Task WaitForRunningAsync(string id, int count = 1)
    {
        using CancellationTokenSource patience = new(Patience);
        while ((await GetAsync($"/v1/rollouts/{id}")).GetProperty("trajectories").GetProperty("running").GetInt32() < count)
            await Task.Delay(5, patience.Token);
    }

    public async Task<HubConnection> ConnectAsync(string? key = null)
    {
        HubConnection connection = new HubConnectionBuilder()
            .WithUrl(new Uri(Client.BaseAddress!, "/hubs/rollouts"), options => options.AccessTokenProvider = () => Task.FromResult(key))
            .Build();
        await connection.StartAsync();
        return connection;
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await _database.DisposeAsync();
    }

    private static ScriptedAnswer Script(GenerationRequest request)
    {
        string text = Format.Tokenizer.Decode(request.Tokens.Span);
        string question = text[Math.Max(0, text.LastIndexOf("<|im_start|>user", StringComparison.Ordinal))..];
        string answer = question.Contains("calculate", StringComparison.Ordinal)
            ? """<tool_call>{"name": "calculator", "arguments": {"expression": "1+1"}}</tool_call>"""
            : question.Contains("weather", StringComparison.Ordinal)
            ? """<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>"""
            : question.Contains("slowly", StringComparison.Ordinal) ? new string('o', 100)
            : question.Contains("endlessly", StringComparison.Ordinal) ? string.Concat(Enumerable.Repeat("no ", 1_000)) : "yes";
        return new ScriptedAnswer([.. Format.Tokenizer.Encode(answer), Format.EndOfTurnId])
        {
            Delay = TimeSpan.FromMilliseconds(answer is "yes" or ['<', ..] ? 0 : 20),
        };
    }
}
