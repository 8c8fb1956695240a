using System.Text.Json;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Remote.Vllm;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Remote;

/// <summary>The client against answers as vLLM's servers write them.</summary>
public sealed class VllmEngineTests
{
    private const string WorldSize = "/get_world_size?include_dp=true";
    private const string Generate = "/inference/v1/generate";
    private const string Completions = "/v1/completions";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private static GenerationRequest Request => new() { Id = "traj-17", Tokens = (int[])[5, 6, 7], MaxNewTokens = 8, Seed = 3, StopTokenIds = [9] };

    [Fact]
    public async Task The_newer_form_streams_what_is_new()
    {
        string[] pieces =
        [
            """{"request_id": "r", "model": "qwen", "prompt_token_ids": [5, 6, 7], "choices": [{"index": 0, "token_ids": [50], "finish_reason": null, "logprobs": {"content": [{"token_id": 50, "logprob": -0.11, "rank": 2, "top_logprobs": [{"token_id": 50, "logprob": -0.11, "rank": 2}, {"token_id": 60, "logprob": -0.1, "rank": 1}]}]}}]}""",
            """{"request_id": "r", "choices": [{"index": 0, "token_ids": [51, 9], "finish_reason": "stop", "logprobs": {"content": [{"token_id": 51, "logprob": -0.52, "top_logprobs": [{"token_id": 51, "logprob": -0.52}]}, {"token_id": 9, "logprob": -0.01, "top_logprobs": [{"token_id": 9, "logprob": -0.01}]}]}}], "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}}""",
            "[DONE]",
        ];
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate ? WireAnswer.Events(pieces) : null);
        List<TokenChunk> chunks = await fake.Engine.GenerateAsync(Request with { TopLogprobs = 1 }, CancellationToken.None).ToListAsync();
        AssertTokens(chunks);
        Assert.Equal((FinishReason.Stop, 2), (chunks[^1].Finish, chunks[^1].CachedTokens));
        Assert.Equal([new TokenLogprob(60, -0.1f)], chunks[0].TopLogprobs!.Value.ToArray());
        Assert.False(fake.Engine.UsesCompletions);
    }

    [Fact]
    public async Task The_older_form_answers_at_once_and_spells_ids_as_text()
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate
            ? WireAnswer.Json("""{"request_id": "r", "choices": [{"index": 0, "token_ids": [50, 51, 9], "finish_reason": "stop", "logprobs": {"content": [{"token": "token_id:50", "logprob": -0.11, "bytes": null, "top_logprobs": []}, {"token": "token_id:51", "logprob": -0.52}, {"token": "token_id:9", "logprob": -0.01}]}}], "prompt_logprobs": null, "kv_transfer_params": null}""")
            : null);
        List<TokenChunk> chunks = await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync();
        AssertTokens(chunks);
        JsonElement body = JsonElement.Parse(fake.Server.BodiesOf(Generate)[^1]);
        Assert.Equal(("[5,6,7]", "qwen", "tokens", true), (
            body.GetProperty("token_ids").GetRawText(), body.GetProperty("model").GetString(), body.GetProperty("output_mode").GetString(), body.GetProperty("stream").GetBoolean()));
        JsonElement sampling = body.GetProperty("sampling_params");
        Assert.Equal((8, -1, 1, "[9]"), (
            sampling.GetProperty("max_tokens").GetInt32(), sampling.GetProperty("top_k").GetInt32(), sampling.GetProperty("logprobs").GetInt32(), sampling.GetProperty("stop_token_ids").GetRawText()));
        Assert.True(sampling.GetProperty("ignore_eos").GetBoolean());
        Assert.False(body.TryGetProperty("agentrollout", out _));
    }

    [Theory]
    [InlineData("""{"token": "token_id:51"}""")]
    [InlineData("""{"token": "token_id:51", "logprob": null}""")]
    public async Task A_log_probability_that_the_server_does_not_tell_is_missing_and_not_minus_infinity(string entry)
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate
            ? WireAnswer.Json($$"""{"choices": [{"index": 0, "token_ids": [50, 51], "finish_reason": "length", "logprobs": {"content": [{"token": "token_id:50", "logprob": -0.11}, {{entry}}] } }] }""")
            : null);
        TokenChunk chunk = Assert.Single(await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync());
        Assert.Equal(MissingLogprobs.Raw, chunk.Missing);
        Assert.All(chunk.Logprobs.ToArray(), logprob => Assert.True(float.IsNaN(logprob)));
    }

    [Fact]
    public async Task Completions_are_used_where_there_is_no_other_path()
    {
        string[] pieces =
        [
            """{"id": "c", "object": "text_completion", "prompt_token_ids": [5, 6, 7], "choices": [{"index": 0, "text": "a", "token_ids": [50], "finish_reason": null, "logprobs": {"text_offset": [0], "tokens": ["token_id:50"], "token_logprobs": [-0.11], "top_logprobs": [{"token_id:50": -0.11, "token_id:60": -0.1}]}}]}""",
            """{"id": "c", "choices": [{"index": 0, "text": "b", "token_ids": [51, 9], "finish_reason": "stop", "stop_reason": 9, "logprobs": {"tokens": ["token_id:51", "token_id:9"], "token_logprobs": [-0.52, -0.01], "top_logprobs": [{"token_id:51": -0.52}, {"token_id:9": -0.01}]}}]}""",
            """{"id": "c", "choices": [], "usage": {"prompt_tokens": 3}}""",
            "[DONE]",
        ];
        using Fake fake = await Fake.StartAsync(request => request.Path switch
        {
            Generate => WireAnswer.Json("""{"detail": "Not Found"}""", 404),
            Completions => WireAnswer.Events(pieces),
            _ => null,
        });
        Assert.True(fake.Engine.UsesCompletions);
        AssertTokens(await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync());
        JsonElement body = JsonElement.Parse(Assert.Single(fake.Server.BodiesOf(Completions)));
        Assert.Equal("[5,6,7]", body.GetProperty("prompt").GetRawText());
        Assert.True(body.GetProperty("return_token_ids").GetBoolean());
    }

    [Theory]
    [InlineData(1f, 1f, ReportedLogprobs.Raw, MissingLogprobs.None)]
    [InlineData(0f, 1f, ReportedLogprobs.Raw, MissingLogprobs.None)]
    [InlineData(0.7f, 1f, ReportedLogprobs.Raw, MissingLogprobs.Sampling)]
    [InlineData(1f, 0.9f, ReportedLogprobs.Raw, MissingLogprobs.Sampling)]
    [InlineData(0.7f, 0.9f, ReportedLogprobs.Sampling, MissingLogprobs.Raw)]
    [InlineData(1f, 1f, ReportedLogprobs.Sampling, MissingLogprobs.None)]
    public async Task What_its_log_probabilities_do_not_tell_is_missing(float temperature, float topP, ReportedLogprobs reported, MissingLogprobs missing)
    {
        using Fake fake = await Fake.StartAsync(
            request => request.Path == Generate ? WireAnswer.Events([Choice("stop")]) : null, new RemoteEngineOptions { Logprobs = reported });
        TokenChunk chunk = Assert.Single(await fake.Engine.GenerateAsync(
            Request with { Sampling = new SamplingParams(temperature, TopP: topP) }, CancellationToken.None).ToListAsync());
        Assert.Equal(missing, chunk.Missing);
        Assert.Equal(missing.HasFlag(MissingLogprobs.Raw), float.IsNaN(chunk.Logprobs.Span[0]));
        Assert.Equal(missing.HasFlag(MissingLogprobs.Sampling), chunk.SamplingLogprobs is { } sampling && float.IsNaN(sampling.Span[0]));
    }

    [Fact]
    public async Task Turns_of_one_trajectory_do_not_share_their_noise()
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate ? WireAnswer.Events([Choice("stop")]) : null);
        foreach (GenerationRequest request in (GenerationRequest[])[Request, Request, Request with { Tokens = (int[])[5, 6, 7, 8] }, Request with { Seed = ulong.MaxValue }])
            await fake.Engine.GenerateAsync(request, CancellationToken.None).ToListAsync();
        long[] seeds = [.. fake.Server.BodiesOf(Generate).Skip(1).Select(body => JsonElement.Parse(body).GetProperty("sampling_params").GetProperty("seed").GetInt64())];
        Assert.Equal(seeds[0], seeds[1]);
        Assert.Equal(3, seeds.Distinct().Count());
        Assert.All(seeds, seed => Assert.InRange(seed, 0, long.MaxValue));
    }

    [Theory]
    [InlineData("abort", true)]
    [InlineData("error", true)]
    [InlineData("somehow", false)]
    public async Task An_end_that_nobody_here_wanted_is_an_error(string finish, bool isLost)
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate ? WireAnswer.Events([Choice(finish)]) : null);
        Assert.Equal(isLost, (await Assert.ThrowsAsync<EngineException>(async () => await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync())).IsLost);
    }

    [Fact]
    public async Task A_cut_stream_is_a_lost_engine_and_leaving_closes_the_connection()
    {
        WireEnding ending = WireEnding.Cut;
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate && request.Body.Contains("token_ids", StringComparison.Ordinal) ? WireAnswer.Events([Choice(null)], ending) : null);
        Assert.True((await Assert.ThrowsAsync<EngineException>(async () => await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync())).IsLost);

        ending = WireEnding.Hangs;
        await foreach (TokenChunk _ in fake.Engine.GenerateAsync(Request, CancellationToken.None))
            break;
        using CancellationTokenSource patience = new(_patience);
        while (fake.Server.Left.IsEmpty)
            await Task.Delay(5, patience.Token);
    }

    [Fact]
    public async Task Versions_count_the_updates_that_went_through_here()
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == Generate ? WireAnswer.Events([Choice("stop")]) : null);
        Assert.Equal(0, fake.Engine.Model.WeightVersion);
        await fake.Engine.UpdateWeightsAsync(new WeightUpdate { Path = "/weights/1" }, CancellationToken.None);
        await fake.Engine.UpdateWeightsAsync(
            new WeightUpdate { Path = "/weights/2", Version = 9, Running = RunningSequences.Continue, KvCache = KvCachePolicy.Keep }, CancellationToken.None);
        Assert.Equal(9, Assert.Single(await fake.Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync()).WeightVersion);
        Assert.Equal("""{"method":"reload_weights","kwargs":{"weights_path":"/weights/1"}}""", fake.Server.BodiesOf("/collective_rpc")[0]);
        Assert.Equal(
            ["/pause?mode=wait&clear_cache=true", "/collective_rpc", "/reset_prefix_cache", "/resume", "/pause?mode=keep&clear_cache=false", "/collective_rpc", "/resume"],
            fake.Server.Requests.Select(request => request.Path).Where(path => path is not ("/v1/models" or Generate or WorldSize)));
    }

    [Fact]
    public async Task Control_uses_the_servers_own_words()
    {
        using Fake fake = await Fake.StartAsync(_ => null);
        await fake.Engine.PauseAsync(retract: true, CancellationToken.None);
        Assert.True(fake.Engine.IsPaused);
        await fake.Engine.ResumeAsync(CancellationToken.None);
        Assert.Null(await fake.Engine.FlushCacheAsync(CancellationToken.None));
        Assert.Null(await fake.Engine.ReleaseMemoryAsync(EngineMemory.All, CancellationToken.None));
        await fake.Engine.ResumeMemoryAsync(EngineMemory.Weights, CancellationToken.None);
        Assert.Equal(
            ["/pause?mode=keep&clear_cache=true", "/resume", "/reset_prefix_cache", "/sleep?level=1&mode=keep&tags=weights&tags=kv_cache", "/wake_up?tags=weights"],
            fake.Server.Requests.Select(request => request.Path).Where(path => path is not ("/v1/models" or Generate or WorldSize)));
    }

    [Fact]
    public async Task Weights_from_a_process_group_are_passed_through_as_the_trainer_wrote_them()
    {
        using Fake fake = await Fake.StartAsync(request => request.Path == WorldSize ? WireAnswer.Json("""{"world_size": 8}""") : null);
        (WeightGroupStep Step, string Body)[] calls =
        [
            (WeightGroupStep.Join, """{"init_info": {"master_address": "10.0.0.1", "rank_offset": 1, "world_size": 9}, "more": true}"""),
            (WeightGroupStep.Begin, """{"include_draft": false}"""), (WeightGroupStep.Receive, """{"update_info": {"names": ["a"], "packed": true}}"""), (WeightGroupStep.End, "{}"),
        ];
        foreach ((WeightGroupStep step, string body) in calls)
            await fake.Engine.PassAsync(new WeightGroupCall(RemoteEngineKind.Vllm, step, JsonElement.Parse(body)) { RankOffset = 3, Version = 7 }, CancellationToken.None);

        Assert.Equal(
            [
                """/init_weight_transfer_engine {"more":true,"init_info":{"master_address":"10.0.0.1","world_size":9,"rank_offset":3}}""", """/start_weight_update {"include_draft":false}""",
                """/update_weights {"update_info":{"names":["a"],"packed":true}}""", "/finish_weight_update {}",
            ],
            fake.Server.Requests.Where(request => request.Path.Contains("weight", StringComparison.Ordinal)).Select(request => $"{request.Path} {request.Body}"));
        Assert.Equal((7, 8), (fake.Engine.Model.WeightVersion, fake.Engine.Workers));
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.PassAsync(new WeightGroupCall(RemoteEngineKind.Vllm, WeightGroupStep.Leave, default), CancellationToken.None));
    }

    [Fact]
    public async Task A_probe_reads_the_metrics()
    {
        const string Metrics = """
            # HELP vllm:num_requests_running Number of requests in model execution batches.
            # TYPE vllm:num_requests_running gauge
            vllm:num_requests_running{engine="0",model_name="qwen"} 3.0
            vllm:num_requests_running{engine="1",model_name="qwen"} 1.0
            vllm:num_requests_waiting{engine="0",model_name="qwen"} 2.0
            vllm:num_requests_waiting_by_reason{engine="0"} 9.0
            vllm:kv_cache_usage_perc{engine="0",model_name="qwen"} 0.25
            """;
        using Fake fake = await Fake.StartAsync(request => request.Path == "/metrics" ? new WireAnswer(200, "text/plain", [Metrics]) : null);
        Assert.Equal(new EngineLoad(0, 4, 2, 0.25), await fake.Engine.ProbeAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Given_tokens_are_scored_by_the_log_probabilities_of_the_prompt(bool hasGenerate)
    {
        const string Places = """[null, {"6": {"logprob": -0.5, "rank": 3}, "9": {"logprob": -0.1, "rank": 1}}, {"7": {"logprob": -1.5, "rank": 1}}]""";
        using Fake fake = await Fake.StartAsync(request => request.Path switch
        {
            Generate when !hasGenerate => WireAnswer.Json("""{"detail": "Not Found"}""", 404),
            Generate when request.Body.Contains("prompt_logprobs", StringComparison.Ordinal) => WireAnswer.Json($$"""{"choices": [{"token_ids": [4]}], "prompt_logprobs": {{Places}} }"""),
            Completions => WireAnswer.Json($$"""{"choices": [{"text": "x", "prompt_logprobs": {{Places}} }] }"""),
            _ => null,
        });
        TokenScores scores = await fake.Engine.ScoreAsync((int[])[5, 6, 7], CancellationToken.None);
        Assert.Equal([-0.5f, -1.5f], scores.Logprobs);
        Assert.Equal(0, scores.WeightVersion);
        Assert.Equal(
            hasGenerate ? """{"model":"qwen","token_ids":[5,6,7],"sampling_params":{"max_tokens":1,"prompt_logprobs":0}}""" : """{"model":"qwen","prompt":[5,6,7],"max_tokens":1,"prompt_logprobs":0}""",
            fake.Server.BodiesOf(hasGenerate ? Generate : Completions)[^1]);
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ScoreAsync((int[])[5, 6], CancellationToken.None));
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ScoreAsync((int[])[5, 8, 7], CancellationToken.None));
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ScoreAsync((int[])[5_000], CancellationToken.None));
    }

    [Fact]
    public async Task A_model_that_is_not_served_is_refused_with_those_that_are()
    {
        using Fake fake = await Fake.StartAsync(_ => null);
        Assert.Equal(("tiny-agent", 512), (fake.Engine.Model.Name, fake.Engine.Model.ContextLength));
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() =>
            VllmEngine.ConnectAsync(fake.Server.Url, new RemoteEngineOptions { ServedModel = "other" }, CancellationToken.None));
        Assert.Contains("'other'; it lists: qwen", exception.Message, StringComparison.Ordinal);
    }

    private static string Choice(string? finish) =>
        $$"""{"choices": [{"index": 0, "token_ids": [50], "finish_reason": {{(finish is null ? "null" : $"\"{finish}\"")}}, "logprobs": {"content": [{"token_id": 50, "logprob": -0.5}]} }] }""";

    private static void AssertTokens(List<TokenChunk> chunks)
    {
        Assert.Equal([50, 51, 9], chunks.SelectMany(chunk => chunk.Tokens.ToArray()));
        Assert.Equal([-0.11f, -0.52f, -0.01f], chunks.SelectMany(chunk => chunk.Logprobs.ToArray()));
        Assert.Equal(FinishReason.Stop, chunks[^1].Finish);
        Assert.All(chunks, chunk => Assert.Equal(MissingLogprobs.None, chunk.Missing));
    }

    /// <summary>A server that answers as vLLM's do, with a client of it.</summary>
    private sealed record Fake(WireServer Server, VllmEngine Engine) : IDisposable
    {
        public static async Task<Fake> StartAsync(Func<WireRequest, WireAnswer?> answer, RemoteEngineOptions? options = null)
        {
            WireServer server = new(request => answer(request) ?? request.Path switch
            {
                "/v1/models" => WireAnswer.Json("""{"object": "list", "data": [{"id": "qwen", "max_model_len": 512}]}"""),
                Generate => WireAnswer.Json("""{"error": {"message": "token_ids: field required", "type": "BadRequestError", "code": 400}}""", 400),
                _ => new WireAnswer(200, "text/plain", []),
            });
            options = (options ?? new RemoteEngineOptions()) with { ModelFolder = SharedFiles.InRepository("models", "tiny-agent") };
            return new Fake(server, await VllmEngine.ConnectAsync(server.Url, options, CancellationToken.None));
        }

        public void Dispose()
        {
            Engine.Dispose();
            Server.Dispose();
        }
    }
}
