using System.Text.Json;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Remote.Sglang;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Remote;

/// <summary>What a trainer asks, as SGLang's servers are asked for it.</summary>
public sealed class SglangControlTests
{
    private const string Done = """{"success": true, "message": "done", "status": "ok"}""";

    private string _version = "41";

    [Fact]
    public async Task A_flush_is_tried_while_the_server_is_busy()
    {
        int calls = 0;
        using SglangFake fake = await StartAsync(request => request.Path == "/flush_cache" ? new WireAnswer(++calls < 3 ? 400 : 200, "text/plain", ["Cache flushed."]) : null);
        Assert.Null(await fake.Engine.FlushCacheAsync(CancellationToken.None));
        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task A_flush_of_a_server_that_stays_busy_fails_and_is_no_loss()
    {
        using SglangFake fake = await StartAsync(
            request => request.Path == "/flush_cache" ? new WireAnswer(400, "text/plain", []) : null, new RemoteEngineOptions { FlushPatience = TimeSpan.Zero });
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => fake.Engine.FlushCacheAsync(CancellationToken.None));
        Assert.False(exception.IsLost);
        Assert.Contains("stayed busy", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunningSequences.Finish, KvCachePolicy.Flush, "abort_all_requests\":false,\"flush_cache\":true", "")]
    [InlineData(RunningSequences.Abort, KvCachePolicy.Flush, "abort_all_requests\":true,\"flush_cache\":true", "")]
    [InlineData(RunningSequences.Continue, KvCachePolicy.Flush, "abort_all_requests\":false,\"flush_cache\":true", "retract")]
    [InlineData(RunningSequences.Continue, KvCachePolicy.Keep, "abort_all_requests\":false,\"flush_cache\":false", "in_place")]
    public async Task Weights_from_a_folder_are_named_with_the_update(RunningSequences running, KvCachePolicy cache, string sent, string pause)
    {
        using SglangFake fake = await StartAsync(_ => null);
        WeightUpdateResult result = await fake.Engine.UpdateWeightsAsync(new WeightUpdate { Path = "/weights/42", Running = running, KvCache = cache }, CancellationToken.None);
        Assert.Equal((42, 42), (result.WeightVersion, fake.Engine.Model.WeightVersion));
        Assert.Equal($$"""{"model_path":"/weights/42","{{sent}},"weight_version":"42"}""", Assert.Single(fake.Server.BodiesOf("/update_weights_from_disk")));
        Assert.Equal(pause.Length == 0 ? [] : [$$"""{"mode":"{{pause}}"}"""], fake.Server.BodiesOf("/pause_generation"));
        Assert.Equal(pause.Length == 0 ? 0 : 1, fake.Server.BodiesOf("/continue_generation").Count);
        Assert.Empty(fake.Server.BodiesOf("/update_weight_version"));
        Assert.False(fake.Engine.IsPaused);
    }

    [Fact]
    public async Task A_server_that_did_not_take_the_name_is_told_it_and_not_to_abort()
    {
        using SglangFake fake = await StartAsync(request => request.Path == "/update_weights_from_disk" ? WireAnswer.Json(Done) : null);
        await fake.Engine.UpdateWeightsAsync(new WeightUpdate { Path = "/weights", Version = 50 }, CancellationToken.None);
        Assert.Equal("""{"new_version":"50","abort_all_requests":false}""", Assert.Single(fake.Server.BodiesOf("/update_weight_version")));
        Assert.Equal(50, fake.Engine.Model.WeightVersion);
    }

    [Fact]
    public async Task A_refused_update_keeps_the_version_and_lets_what_was_paused_go_on()
    {
        using SglangFake fake = await StartAsync(request =>
            request.Path == "/update_weights_from_disk" ? WireAnswer.Json("""{"success": false, "message": "no such folder"}""", 400) : null);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => fake.Engine.UpdateWeightsAsync(
            new WeightUpdate { Path = "/nowhere", Running = RunningSequences.Continue }, CancellationToken.None));
        Assert.Contains("no such folder", exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsLost || fake.Engine.IsPaused);
        Assert.Equal(41, fake.Engine.Model.WeightVersion);
        Assert.Single(fake.Server.BodiesOf("/continue_generation"));
    }

    [Fact]
    public async Task Weights_whose_label_is_no_number_have_no_next_version()
    {
        _version = "actor-step-7";
        using SglangFake fake = await StartAsync(_ => null);
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.UpdateWeightsAsync(new WeightUpdate { Path = "/weights" }, CancellationToken.None));
        Assert.Equal(8, (await fake.Engine.UpdateWeightsAsync(new WeightUpdate { Path = "/weights", Version = 8 }, CancellationToken.None)).WeightVersion);
    }

    [Fact]
    public async Task Weights_from_a_process_group_are_passed_through_as_the_trainer_wrote_them()
    {
        using SglangFake fake = await StartAsync(_ => null);
        await fake.Engine.PassAsync(Call(WeightGroupStep.Join, """{"master_address": "10.0.0.1", "rank_offset": 1, "world_size": 9, "backend": "nccl"}""") with { RankOffset = 5 }, CancellationToken.None);
        const string Tensors = """{"names": ["a"], "shapes": [[1024, 128]], "load_format": "flattened_bucket", "flush_cache": false, "weight_version": "step-7"}""";
        await fake.Engine.PassAsync(Call(WeightGroupStep.Receive, Tensors) with { Version = 42 }, CancellationToken.None);
        await fake.Engine.PassAsync(Call(WeightGroupStep.Leave, """{"group_name": "g"}"""), CancellationToken.None);

        Assert.Equal("""{"master_address":"10.0.0.1","world_size":9,"backend":"nccl","rank_offset":5}""", Assert.Single(fake.Server.BodiesOf("/init_weights_update_group")));
        Assert.Equal(
            """{"names":["a"],"shapes":[[1024,128]],"load_format":"flattened_bucket","flush_cache":false,"weight_version":"42"}""",
            Assert.Single(fake.Server.BodiesOf("/update_weights_from_distributed")));
        Assert.Equal("""{"group_name":"g"}""", Assert.Single(fake.Server.BodiesOf("/destroy_weights_update_group")));
        Assert.Equal((42, 1), (fake.Engine.Model.WeightVersion, fake.Engine.Workers));
    }

    [Theory]
    [InlineData(WeightGroupStep.Join, RemoteEngineKind.Vllm, "cannot join a process group in vLLM's words")]
    [InlineData(WeightGroupStep.Begin, RemoteEngineKind.Sglang, "no call for the step Begin")]
    public async Task Calls_that_the_protocol_does_not_have_are_refused(WeightGroupStep step, RemoteEngineKind kind, string expected)
    {
        using SglangFake fake = await StartAsync(_ => null);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(async () => await fake.Engine.PassAsync(Call(step, "{}") with { Kind = kind }, CancellationToken.None));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_is_lent_by_tags()
    {
        using SglangFake fake = await StartAsync(_ => null);
        Assert.Null(await fake.Engine.ReleaseMemoryAsync(EngineMemory.All, CancellationToken.None));
        await fake.Engine.ResumeMemoryAsync(EngineMemory.KvCache, CancellationToken.None);
        Assert.Equal("""{"tags":["weights","kv_cache"]}""", Assert.Single(fake.Server.BodiesOf("/release_memory_occupation")));
        Assert.Equal("""{"tags":["kv_cache"]}""", Assert.Single(fake.Server.BodiesOf("/resume_memory_occupation")));
    }

    [Theory]
    [InlineData("/v1/loads?include=core", """{"loads": [{"num_running_reqs": 3, "num_waiting_reqs": 2, "token_usage": 0.5}, {"num_running_reqs": 1, "num_waiting_reqs": 0, "token_usage": 0.25}]}""", 4, 2, 0.5)]
    [InlineData("/get_load", """[{"dp_rank": 0, "num_reqs": 5, "num_waiting_reqs": 2, "num_tokens": 7}]""", 3, 2, null)]
    [InlineData("/none", "{}", null, null, null)]
    public async Task A_probe_reads_what_there_is_of_load(string path, string answer, int? running, int? waiting, double? usage)
    {
        using SglangFake fake = await StartAsync(request => request.Path == path ? WireAnswer.Json(answer) : null);
        _version = "44";
        Assert.Equal(new EngineLoad(44, running, waiting, usage), await fake.Engine.ProbeAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_server_that_is_not_well_is_lost()
    {
        using SglangFake fake = await StartAsync(request => request.Path == "/health" ? WireAnswer.Json("{}", 503) : null);
        Assert.True((await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ProbeAsync(CancellationToken.None))).IsLost);
    }

    private static WeightGroupCall Call(WeightGroupStep step, string body) => new(RemoteEngineKind.Sglang, step, JsonElement.Parse(body));

    private Task<SglangFake> StartAsync(Func<WireRequest, WireAnswer?> answer, RemoteEngineOptions? options = null) => SglangFake.StartAsync(request =>
    {
        if (answer(request) is { } own)
            return own;
        if (request.Path == "/get_model_info")
            return WireAnswer.Json($$"""{"model_path": "m", "weight_version": "{{_version}}"}""");
        if (request.Method != "POST")
            return null;
        JsonElement body = JsonElement.Parse(request.Body);
        _version = body.TryGetProperty("weight_version", out JsonElement with) ? with.GetString()!
            : body.TryGetProperty("new_version", out JsonElement named) ? named.GetString()! : _version;
        return WireAnswer.Json(Done);
    }, options);
}
