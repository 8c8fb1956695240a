using AgentRollout.Environments;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Weights;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>The server as <c>serve</c> runs it, on a free port of the loopback address, around an engine without a model.</summary>
internal sealed class GatewayStage : IAsyncDisposable
{
    private const string Text = "The quick brown fox jumps over the lazy dog and runs into the woods, where it sleeps until the evening comes. ";

    private readonly string _folder;
    private readonly GatewayDatabase _database;
    private readonly WebApplication _app;

    private GatewayStage(string model)
    {
        ChatFormat format = ChatFormat.Load(model);
        int[] text = format.Tokenizer.Encode(Text);
        Engine = new InstantEngine(format.Tokenizer.VocabularySize, text);
        Prompt = [.. Enumerable.Range(0, 256).Select(i => text[i % text.Length])];
        Dialects = [DialectLoad.OpenAi(string.Concat(Enumerable.Repeat(Text, 256 / text.Length))), DialectLoad.Sglang(Prompt)];
        _folder = Directory.CreateTempSubdirectory("agentrollout-gateway-").FullName;
        GatewayOptions options = new() { Model = model, Urls = ["http://127.0.0.1:0"], Database = Path.Combine(_folder, "bench.db") };
        _database = GatewayDatabase.Open(options.Database);
        _app = GatewayApplication.Build(options, new Policy("instant", Engine, format), _database, WeightFolder.Open(options.WeightsPath()), services => services
            .AddRolloutParts(RolloutParts.OpenSearch(options))
            .AddLogging(logging => logging.ClearProviders()));
    }

    public InstantEngine Engine { get; }

    /// <summary>256 tokens.</summary>
    public int[] Prompt { get; }

    public IReadOnlyList<DialectLoad> Dialects { get; }

    /// <summary>Where the server listens.</summary>
    public Uri Address => new(_app.Urls.First());

    public static async Task<GatewayStage> StartAsync(string model, CancellationToken cancellationToken)
    {
        GatewayStage stage = new(model);
        try
        {
            await stage._app.StartAsync(cancellationToken);
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
