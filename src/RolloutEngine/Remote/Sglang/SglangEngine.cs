using System.Diagnostics;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>
/// An SGLang server, or this project's own, over <c>/generate</c>. The same seed gives the same tokens where the server honours seeds: this
/// project's does to the bit, SGLang with deterministic inference.
/// </summary>
public sealed class SglangEngine : RemoteEngine, ITokenScorer, IWeightGroupMember
{
    private static readonly TimeSpan FlushPause = TimeSpan.FromMilliseconds(250);

    private readonly SglangServer _server;

    private SglangEngine(RemoteClient client, EngineModel model, SglangServer server, RemoteEngineOptions options)
        : base(client, model, options) => _server = server;

    /// <summary>Whether the server is this project's own, which tells both kinds of log-probabilities and honours all of a request.</summary>
    public bool IsAgentRollout => _server.IsOwn;

    public int Workers => _server.Workers;

    /// <summary>Connects to a server and asks what it serves.</summary>
    /// <exception cref="EngineException">It does not answer, or too little is known of its model.</exception>
    public static async Task<SglangEngine> ConnectAsync(Uri address, RemoteEngineOptions options, CancellationToken cancellationToken)
    {
        RemoteClient client = new(address, "sglang", options);
        try
        {
            JsonElement info = await client.FindAsync("get_model_info", cancellationToken) ?? await client.GetAsync("model_info", cancellationToken);
            if (info.Member(OwnFacts.Member) is { } own)
                return new SglangEngine(client, OwnFacts.Read(own, client.Name), new SglangServer(IsOwn: true, IsIncremental: true, ReportedLogprobs.Unfiltered, Workers: 1), options);
            JsonElement server = await client.FindAsync("get_server_info", cancellationToken) ?? await client.FindAsync("server_info", cancellationToken) ?? default;
            EngineModel model = RemoteModel.Read(options.ModelFolder, client.Name, server.Integer("context_length"));
            bool isIncremental = server.Member("incremental_streaming_output") is { ValueKind: JsonValueKind.True };
            return new SglangEngine(
                client,
                model with { WeightVersion = info.Version("weight_version") ?? 0 },
                new SglangServer(IsOwn: false, isIncremental, options.Logprobs ?? ReportedLogprobs.Unfiltered, server.Integer("tp_size") ?? 1),
                options);
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
        await RefreshVersionAsync(cancellationToken);
        JsonElement? answer = await Client.FindAsync("v1/loads?include=core", cancellationToken) ?? await Client.FindAsync("get_load", cancellationToken);
        JsonElement[] ranks = (answer?.List("loads") ?? answer) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];
        return new EngineLoad(
            Model.WeightVersion,
            Sum(ranks, rank => rank.Integer("num_running_reqs") ?? rank.Integer("num_reqs") - (rank.Integer("num_waiting_reqs") ?? 0)),
            Sum(ranks, rank => rank.Integer("num_waiting_reqs")),
            ranks.Max(rank => rank.Number("token_usage")));
    }

    public Task<TokenScores> ScoreAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken)
    {
        GenerationRequest.Validate("score", tokens.Span, newTokens: 0, SamplingParams.Default, Model);
        return SglangScoring.ScoreAsync(tokens, Client, Model.WeightVersion, cancellationToken);
    }

    public override async Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default)
    {
        await Client.PostAsync("pause_generation", json => json.WriteString("mode", retract ? "retract" : "in_place"), cancellationToken);
        IsPaused = true;
    }

    public override async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        await Client.PostAsync("continue_generation", _ => { }, cancellationToken);
        IsPaused = false;
    }

    /// <inheritdoc/>
    /// <remarks>The server flushes only when nothing runs, so it is asked until <see cref="RemoteEngineOptions.FlushPatience"/> is over.</remarks>
    public override async Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default)
    {
        long started = Time.GetTimestamp();
        while (true)
        {
            RemoteAnswer answer = await Client.TryPostAsync("flush_cache", writeMembers: null, cancellationToken);
            if (answer.Status == 200)
                return null;
            if (answer.Status != 400)
                throw Client.Refused(answer.Status, $"answers /flush_cache with status {answer.Status}: {answer.Message()}");
            if (Time.GetElapsedTime(started) >= FlushPatience)
                throw new EngineException($"Engine '{Name}' stayed busy for {FlushPatience}, and flushes its cache only when it is idle.");
            await Task.Delay(FlushPause, Time, cancellationToken);
        }
    }

    public override async Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken)
    {
        long version = VersionOf(update), started = Stopwatch.GetTimestamp();
        bool pauses = update.Running == RunningSequences.Continue && !IsPaused;
        if (pauses)
            await PauseAsync(retract: update.KvCache == KvCachePolicy.Flush, cancellationToken);
        try
        {
            await UpdateAsync("update_weights_from_disk", version, json =>
            {
                json.WriteString("model_path", update.Path);
                json.WriteBoolean("abort_all_requests", update.Running == RunningSequences.Abort);
                json.WriteBoolean("flush_cache", update.KvCache == KvCachePolicy.Flush);
            }, cancellationToken);
        }
        finally
        {
            if (pauses)
                await ResumeAsync(CancellationToken.None);
        }

        return new WeightUpdateResult(Model.WeightVersion, Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);
    }

    /// <inheritdoc/>
    /// <remarks>Tensors are named with the version of the call, and nothing that runs is aborted unless its body says so.</remarks>
    public Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        string path = GroupCalls.PathOf(call, RemoteEngineKind.Sglang, Name);
        return call.Step switch
        {
            WeightGroupStep.Join => CheckedPostAsync(path, json =>
            {
                json.CopyMembers(call.Body, except: "rank_offset");
                json.WriteNumber("rank_offset", call.RankOffset);
            }, cancellationToken),
            WeightGroupStep.Receive => UpdateAsync(path, call.Version, json => json.CopyMembers(call.Body, except: "weight_version"), cancellationToken),
            _ => CheckedPostAsync(path, json => json.CopyMembers(call.Body), cancellationToken),
        };
    }

    /// <summary>Names the weights in use. The server's default, to abort all that runs, is not asked for.</summary>
    /// <exception cref="EngineException">The server refuses or is lost.</exception>
    public async Task NameWeightsAsync(long version, CancellationToken cancellationToken)
    {
        await CheckedPostAsync("update_weight_version", json =>
        {
            json.WriteString("new_version", VersionLabel.Of(version));
            json.WriteBoolean("abort_all_requests", false);
        }, cancellationToken);
        await RefreshVersionAsync(cancellationToken);
    }

    public override async Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default)
    {
        await Client.PostAsync("release_memory_occupation", json => WriteTags(json, memory), cancellationToken);
        return null;
    }

    public override Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken) =>
        Client.PostAsync("resume_memory_occupation", json => WriteTags(json, memory), cancellationToken);

    private protected override RemoteCall Begin(GenerationRequest request) => SglangRequest.Write(request, _server, Client, () => Model.WeightVersion);

    private protected override Task AbortAsync(string id, CancellationToken cancellationToken) =>
        Client.PostAsync("abort_request", json => json.WriteString("rid", id), cancellationToken);

    /// <summary>Changes weights, and names them where the server did not take the name with them.</summary>
    private async Task UpdateAsync(string path, long version, Action<Utf8JsonWriter> writeMembers, CancellationToken cancellationToken)
    {
        await CheckedPostAsync(path, json =>
        {
            writeMembers(json);
            json.WriteString("weight_version", VersionLabel.Of(version));
        }, cancellationToken);
        await RefreshVersionAsync(cancellationToken);
        if (Model.WeightVersion != version && !_server.IsOwn)
            await NameWeightsAsync(version, cancellationToken);
    }

    private async Task CheckedPostAsync(string path, Action<Utf8JsonWriter> writeMembers, CancellationToken cancellationToken)
    {
        JsonElement answer = await Client.PostAsync(path, writeMembers, cancellationToken);
        if (answer.Member("success") is { ValueKind: JsonValueKind.False })
            throw new EngineException($"Engine '{Name}' refuses /{path}: {answer.Text("message") ?? "it gives no reason"}.");
    }

    private async Task RefreshVersionAsync(CancellationToken cancellationToken)
    {
        JsonElement info = await Client.FindAsync("get_model_info", cancellationToken) ?? await Client.GetAsync("model_info", cancellationToken);
        if ((info.Member(OwnFacts.Member)?.Long("weight_version") ?? info.Version("weight_version")) is { } version)
            SetVersion(version);
    }

    private static int? Sum(JsonElement[] ranks, Func<JsonElement, int?> value)
    {
        int?[] values = [.. ranks.Select(value).Where(number => number is not null)];
        return values is [] ? null : values.Sum();
    }

    private static void WriteTags(Utf8JsonWriter json, EngineMemory memory)
    {
        json.WriteStartArray("tags");
        if (memory.HasFlag(EngineMemory.Weights))
            json.WriteStringValue("weights");
        if (memory.HasFlag(EngineMemory.KvCache))
            json.WriteStringValue("kv_cache");
        json.WriteEndArray();
    }
}
