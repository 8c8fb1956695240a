using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Engines;
using AgentRollout.Testing;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>A trainer broadcasts its weights, to a server in front of two engines of other people's as if to one.</summary>
public sealed class WeightGroupTests : IAsyncLifetime
{
    private static readonly string Model = SharedFiles.InRepository("models", "tiny-agent");

    private readonly ConcurrentDictionary<int, string> _versions = new();
    private readonly List<WireServer> _engines = [];
    private RoutedModel _routed = null!;
    private TestGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _routed = RoutedModel.Load(Model, new RoutingSettings { ProbeIntervalSeconds = 0.1, PatienceSeconds = 60 }, NullLoggerFactory.Instance);
        _gateway = await TestGateway.StartAsync(
            _routed.Policy,
            services => services.AddToolBus().AddSingleton(provider => new EnvironmentCatalog([], provider.GetRequiredService<ToolCatalog>())),
            new GatewayOptions { Model = Model });
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _routed.DisposeAsync();
        foreach (WireServer engine in _engines)
            engine.Dispose();
    }

    [Fact]
    public async Task Slimes_sequence_reaches_every_engine_of_SGLangs_and_parts_of_one_name_are_one_version()
    {
        await AddEnginesAsync("sglang", Sglang);
        Assert.Equal(4, (await _gateway.GetAsync("/get_server_info")).GetProperty("tp_size").GetInt32());
        await AskAsync("/pause_generation", """{"mode": "retract"}""");
        await AskAsync("/flush_cache", "{}");
        await AskAsync("/init_weights_update_group", """{"master_address": "10.0.0.1", "master_port": 29500, "rank_offset": 1, "world_size": 5, "group_name": "slime-pp_0", "backend": "nccl"}""");
        for (int part = 0; part < 3; part++)
        {
            JsonElement answer = await AskAsync("/update_weights_from_distributed", $$"""{"names": ["t{{part}}"], "dtypes": ["bfloat16"], "shapes": [[4]], "group_name": "slime-pp_0", "flush_cache": false, "weight_version": "step-7"}""");
            Assert.True(answer.GetProperty("success").GetBoolean());
        }

        Assert.Equal("step-7", (await _gateway.GetAsync("/get_weight_version")).GetProperty("weight_version").GetString());
        await AskAsync("/continue_generation", "{}");
        await AskAsync("/destroy_weights_update_group", """{"group_name": "slime-pp_0"}""");

        Assert.Equal([1, 3], _engines.Select(engine => Body(engine, "/init_weights_update_group", 0).GetProperty("rank_offset").GetInt32()));
        Assert.All(_engines, engine =>
        {
            Assert.Equal(["t0", "t1", "t2"], Enumerable.Range(0, 3).Select(part => Body(engine, "/update_weights_from_distributed", part).GetProperty("names")[0].GetString()));
            Assert.Equal("1", Body(engine, "/update_weights_from_distributed", 2).GetProperty("weight_version").GetString());
            Assert.Single(engine.BodiesOf("/destroy_weights_update_group"));
        });
        JsonElement weights = await _gateway.GetAsync("/v1/weights");
        Assert.Equal(1, weights.GetProperty("version").GetInt64());
        Assert.False(weights.TryGetProperty("checksum", out JsonElement checksum) && checksum.ValueKind != JsonValueKind.Null);
    }

    [Fact]
    public async Task Parts_without_a_name_are_one_version_until_the_cache_is_flushed_or_generation_goes_on()
    {
        await AddEnginesAsync("sglang", Sglang);
        await AskAsync("/init_weights_update_group", """{"rank_offset": 1, "world_size": 5}""");
        const string Part = """{"names": ["t"], "flush_cache": false}""";
        Assert.Equal((1, 1), (await ReceiveAsync(Part), await ReceiveAsync("""{"names": ["t"]}""")));
        Assert.Equal((2, 2), (await ReceiveAsync(Part), await ReceiveAsync(Part)));
        await AskAsync("/continue_generation", "{}");
        Assert.Equal(3, await ReceiveAsync(Part));
        Assert.Equal(9, await ReceiveAsync("""{"names": ["t"], "weight_version": "9"}"""));
        Assert.Equal(9, await ReceiveAsync("""{"names": ["t"], "weight_version": 9}"""));
        Assert.Equal(10, await ReceiveAsync("""{"names": ["t"], "weight_version": "again"}"""));
        Assert.All((await _gateway.GetAsync("/v1/engines")).EnumerateArray(), engine => Assert.Equal((10, "up"), (engine.GetProperty("weight_version").GetInt64(), engine.GetProperty("state").GetString())));
    }

    [Fact]
    public async Task Prime_rls_sequence_reaches_every_engine_of_vLLMs()
    {
        await AddEnginesAsync("vllm", Vllm);
        Assert.Equal(16, (await _gateway.GetAsync("/get_world_size")).GetProperty("world_size").GetInt32());
        await AskAsync("/init_weight_transfer_engine", """{"init_info": {"master_address": "10.0.0.1", "master_port": 29500, "rank_offset": 1, "world_size": 17}}""");
        for (int update = 1; update <= 2; update++)
        {
            await AskAsync("/start_weight_update", "");
            await AskAsync("/update_weights", """{"update_info": {"names": ["t"], "dtype_names": ["bfloat16"], "shapes": [[4]]}}""");
            await AskAsync("/update_weights", """{"update_info": {"names": ["u"], "dtype_names": ["bfloat16"], "shapes": [[4]]}}""");
            await AskAsync("/finish_weight_update", "{}");
            Assert.Equal(update, (await _gateway.GetAsync("/v1/weights")).GetProperty("version").GetInt64());
        }

        Assert.Equal([1, 9], _engines.Select(engine => Body(engine, "/init_weight_transfer_engine", 0).GetProperty("init_info").GetProperty("rank_offset").GetInt32()));
        Assert.All(_engines, engine => Assert.Equal(
            ["/init_weight_transfer_engine", "/start_weight_update", "/update_weights", "/update_weights", "/finish_weight_update", "/start_weight_update", "/update_weights", "/update_weights", "/finish_weight_update"],
            engine.Requests.Select(request => request.Path).Where(path => path.Contains("weight", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("/init_weights_update_group", """{"world_size": 5}""", "'rank_offset' is missing")]
    [InlineData("/init_weights_update_group", """{"rank_offset": -1, "world_size": 5}""", "'rank_offset' is -1; it must be 0 or more.")]
    [InlineData("/init_weights_update_group", """{"rank_offset": 2, "world_size": 5}""", "do not fit behind rank offset 2 in a world of 5")]
    [InlineData("/update_weights_from_distributed", """{"weight_version": []}""", "must be a text or a number")]
    [InlineData("/init_weight_transfer_engine", """{"init_info": {"rank_offset": 1, "world_size": 5}}""", "cannot join a process group in vLLM's words")]
    [InlineData("/init_weight_transfer_engine", "{}", "'init_info' is missing")]
    public async Task What_cannot_be_passed_on_is_refused_in_one_sentence(string path, string body, string expected)
    {
        await AddEnginesAsync("sglang", Sglang);
        using HttpResponseMessage refused = await _gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        JsonElement error = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Contains(expected, error.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await _gateway.GetAsync("/v1/weights")).GetProperty("version").GetInt64());
    }

    private static JsonElement Body(WireServer engine, string path, int index) => JsonElement.Parse(engine.BodiesOf(path)[index]);

    /// <summary>The version that the weights have after a part.</summary>
    private async Task<long> ReceiveAsync(string body)
    {
        await AskAsync("/update_weights_from_distributed", body);
        return (await _gateway.GetAsync("/v1/weights")).GetProperty("version").GetInt64();
    }

    private async Task<JsonElement> AskAsync(string path, string body)
    {
        using HttpResponseMessage response = await _gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: {text}");
        return path == "/flush_cache" ? default : JsonElement.Parse(text);
    }

    private async Task AddEnginesAsync(string kind, Func<int, WireRequest, WireAnswer> answer)
    {
        for (int i = 0; i < 2; i++)
        {
            int index = i;
            _engines.Add(new WireServer(request => answer(index, request)));
            using HttpResponseMessage added = await _gateway.Client.PostAsJsonAsync("/v1/engines", new { name = $"{kind}{i}", url = _engines[i].Url, kind });
            JsonElement engine = await added.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(added.StatusCode == HttpStatusCode.Created && engine.GetProperty("state").GetString() == "up", engine.ToString());
        }
    }

    /// <summary>A server of SGLang's with two workers.</summary>
    private WireAnswer Sglang(int index, WireRequest request)
    {
        switch (request.Path)
        {
            case "/get_model_info":
                return WireAnswer.Json($$"""{"model_path": "m", "weight_version": "{{_versions.GetValueOrDefault(index, "default")}}"}""");
            case "/get_server_info":
                return WireAnswer.Json("""{"context_length": 512, "tp_size": 2}""");
            case "/health" or "/flush_cache":
                return new WireAnswer(200, "text/plain", []);
        }

        if (request.Method != "POST")
            return WireAnswer.Json("""{"detail": "Not Found"}""", 404);
        if (JsonElement.Parse(request.Body).TryGetProperty("weight_version", out JsonElement version))
            _versions[index] = version.GetString()!;
        return WireAnswer.Json("""{"success": true, "message": "done", "status": "ok"}""");
    }

    /// <summary>A server of vLLM's with eight workers.</summary>
    private static WireAnswer Vllm(int index, WireRequest request) => request.Path switch
    {
        "/v1/models" => WireAnswer.Json("""{"object": "list", "data": [{"id": "qwen", "max_model_len": 512}]}"""),
        "/get_world_size?include_dp=true" => WireAnswer.Json("""{"world_size": 8}"""),
        "/inference/v1/generate" => WireAnswer.Json("""{"error": {"message": "token_ids: field required", "code": 400}}""", 400),
        _ => new WireAnswer(200, "text/plain", []),
    };
}
