using System.Diagnostics;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>
/// A vLLM server over <c>/inference/v1/generate</c>, or over <c>/v1/completions</c> with token ids where it has no such path. It tells no version of
/// its weights before it has learned to; until then versions count the updates that went through this client.
/// </summary>
public sealed class VllmEngine : RemoteEngine, ITokenScorer, IWeightGroupMember
{
    internal const string GeneratePath = "inference/v1/generate";
    private const string CompletionsPath = "v1/completions";

    private readonly VllmServer _server;

    private VllmEngine(RemoteClient client, EngineModel model, VllmServer server, bool usesCompletions, RemoteEngineOptions options)
        : base(client, model, options) => (_server, UsesCompletions) = (server, usesCompletions);

    /// <summary>Whether the server has no <c>/inference/v1/generate</c>, so that <c>/v1/completions</c> is used.</summary>
    public bool UsesCompletions { get; }

    public int Workers => _server.Workers;

    private string Path => UsesCompletions ? CompletionsPath : GeneratePath;

    /// <summary>Connects to a server and asks what it serves.</summary>
    /// <exception cref="EngineException">It does not answer, or too little is known of its model.</exception>
    public static async Task<VllmEngine> ConnectAsync(Uri address, RemoteEngineOptions options, CancellationToken cancellationToken)
    {
        RemoteClient client = new(address, "vllm", options);
        try
        {
            JsonElement listed = await FindModelAsync(client, options.ServedModel, cancellationToken);
            JsonElement? own = listed.Member(OwnFacts.Member);
            EngineModel model = own is { } facts
                ? OwnFacts.Read(facts, client.Name)
                : RemoteModel.Read(options.ModelFolder, client.Name, listed.Integer("max_model_len"));
            int workers = (await client.FindAsync("get_world_size?include_dp=true", cancellationToken))?.Integer("world_size") ?? 1;
            VllmServer server = new(own is not null, listed.Text("id")!, own is null ? options.Logprobs ?? ReportedLogprobs.Raw : ReportedLogprobs.Raw, workers);
            // An empty body is refused where the path exists.
            bool lacksGenerate = (await client.TryPostAsync(GeneratePath, _ => { }, cancellationToken)).IsUnknownPath;
            return new VllmEngine(client, model, server, lacksGenerate, options);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public override async Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken)
    {
        await Client.GetAsync("health", cancellationToken);
        if (_server.IsOwn && (await FindModelAsync(Client, _server.Model, cancellationToken)).Member(OwnFacts.Member)?.Long("weight_version") is { } version)
            SetVersion(version);
        string metrics = await Client.FindTextAsync("metrics", cancellationToken) ?? "";
        return new EngineLoad(
            Model.WeightVersion,
            (int?)VllmMetrics.Sum(metrics, "vllm:num_requests_running"),
            (int?)VllmMetrics.Sum(metrics, "vllm:num_requests_waiting"),
            VllmMetrics.Sum(metrics, "vllm:kv_cache_usage_perc") ?? VllmMetrics.Sum(metrics, "vllm:gpu_cache_usage_perc"));
    }

    /// <inheritdoc/>
    /// <remarks>The server needs room for one token behind them.</remarks>
    public Task<TokenScores> ScoreAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken)
    {
        GenerationRequest.Validate("score", tokens.Span, newTokens: 1, SamplingParams.Default, Model);
        return VllmScoring.ScoreAsync(tokens, Path, Client, _server, Model.WeightVersion, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Running requests are frozen where they are; with <paramref name="retract"/> the server drops its cache too.</remarks>
    public override Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default) => PauseAsync("keep", clearCache: retract, cancellationToken);

    public override async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        await Client.PostAsync("resume", writeMembers: null, cancellationToken);
        IsPaused = false;
    }

    public override async Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default)
    {
        await Client.PostAsync("reset_prefix_cache", writeMembers: null, cancellationToken);
        return null;
    }

    /// <inheritdoc/>
    /// <remarks>The server's workers read the folder: <c>reload_weights</c> by <c>/collective_rpc</c>, which it has in its development mode.</remarks>
    public override async Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken)
    {
        long version = VersionOf(update), started = Stopwatch.GetTimestamp();
        bool pauses = !IsPaused, flushes = update.KvCache == KvCachePolicy.Flush;
        if (pauses)
        {
            string mode = update.Running switch { RunningSequences.Finish => "wait", RunningSequences.Abort => "abort", _ => "keep" };
            await PauseAsync(mode, clearCache: flushes, cancellationToken);
        }

        try
        {
            await Client.PostAsync("collective_rpc", json =>
            {
                json.WriteString("method", "reload_weights");
                json.WriteStartObject("kwargs");
                json.WriteString("weights_path", update.Path);
                json.WriteEndObject();
                if (!_server.IsOwn)
                    return;
                json.WriteStartObject(OwnFacts.Member);
                json.WriteNumber("version", version);
                json.WriteEndObject();
            }, cancellationToken);
            SetVersion(version);
            if (flushes)
                await FlushCacheAsync(cancellationToken);
        }
        finally
        {
            if (pauses)
                await ResumeAsync(CancellationToken.None);
        }

        return new WeightUpdateResult(Model.WeightVersion, Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);
    }

    /// <inheritdoc/>
    /// <remarks>The server has one group, which is never left.</remarks>
    public async Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        await Client.PostAsync(GroupCalls.PathOf(call, RemoteEngineKind.Vllm, Name), json =>
        {
            json.CopyMembers(call.Body, except: call.Step == WeightGroupStep.Join ? "init_info" : null);
            if (call.Step != WeightGroupStep.Join)
                return;
            json.WriteStartObject("init_info");
            json.CopyMembers(call.Body.GetProperty("init_info"), except: "rank_offset");
            json.WriteNumber("rank_offset", call.RankOffset);
            json.WriteEndObject();
        }, cancellationToken);
        if (call.Step == WeightGroupStep.Receive)
            SetVersion(call.Version);
    }

    public override async Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default)
    {
        await Client.PostAsync($"sleep?level=1&mode=keep{Tags(memory)}", writeMembers: null, cancellationToken);
        return null;
    }

    public override Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken) =>
        Client.PostAsync($"wake_up?{Tags(memory).TrimStart('&')}", writeMembers: null, cancellationToken);

    private protected override RemoteCall Begin(GenerationRequest request)
    {
        if (request.OnInterrupt == InterruptPolicy.Restart && !_server.IsOwn)
            throw new EngineException($"Request '{request.Id}' wants to start again where it is interrupted, which engine '{Name}' cannot do.");
        return new RemoteCall(
            Path,
            UsesCompletions ? VllmRequest.ToCompletion(request, _server) : VllmRequest.ToGenerate(request, _server),
            new VllmReader(request, Client, () => Model.WeightVersion),
            new ChunkWriter(request, _server.Logprobs, request.StopSequences),
            AbortId: null);
    }

    /// <summary>Closing the connection is how this protocol aborts.</summary>
    private protected override Task AbortAsync(string id, CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task PauseAsync(string mode, bool clearCache, CancellationToken cancellationToken)
    {
        await Client.PostAsync($"pause?mode={mode}&clear_cache={(clearCache ? "true" : "false")}", writeMembers: null, cancellationToken);
        IsPaused = true;
    }

    /// <summary>The model of a name, or the first.</summary>
    private static async Task<JsonElement> FindModelAsync(RemoteClient client, string? name, CancellationToken cancellationToken)
    {
        JsonElement[] models = (await client.GetAsync("v1/models", cancellationToken)).List("data") is { } data ? [.. data.EnumerateArray()] : [];
        JsonElement[] found = [.. models.Where(model => model.Text("id") is { } id && (name is null || id == name))];
        return found is [var first, ..] ? first
            : throw new EngineException($"Engine '{client.Name}' serves no model{(name is null ? "" : $" '{name}'")}; it lists: {string.Join(", ", models.Select(model => model.Text("id")))}.");
    }

    private static string Tags(EngineMemory memory) =>
        (memory.HasFlag(EngineMemory.Weights) ? "&tags=weights" : "") + (memory.HasFlag(EngineMemory.KvCache) ? "&tags=kv_cache" : "");
}
