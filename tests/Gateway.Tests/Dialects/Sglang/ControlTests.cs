using System.Net;
using System.Text.Json;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects.Sglang;

public sealed class ControlTests : IAsyncLifetime
{
    private static readonly string _model = SharedFiles.InRepository("models", "tiny-agent");
    private SglangServer _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SglangServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("in_place")]
    [InlineData("retract")]
    public async Task A_paused_call_goes_on_where_it_was(string mode)
    {
        const string Call = """{"input_ids": [5], "sampling_params": {"max_new_tokens": 300, "sampling_seed": 7, "ignore_eos": true}}""";
        JsonElement undisturbed = await _server.PostAsync("/generate", Call);
        Task<JsonElement> disturbed = _server.PostAsync("/generate", Call);

        JsonElement paused = await _server.PostAsync("/pause_generation", $$"""{"mode": "{{mode}}"}""");
        Assert.True(_server.Engine.IsPaused);
        JsonElement continued = await _server.PostAsync("/continue_generation", "{}");

        Assert.Equal(("Generation paused successfully.", "ok"), (paused.GetProperty("message").GetString(), paused.GetProperty("status").GetString()));
        Assert.Equal("Generation continued successfully.", continued.GetProperty("message").GetString());
        Assert.Equal(undisturbed.GetProperty("output_ids").GetRawText(), (await disturbed).GetProperty("output_ids").GetRawText());
    }

    [Fact]
    public async Task A_pause_that_aborts_ends_what_runs()
    {
        // Begun while paused, so that it cannot be done before the abort.
        await _server.PostAsync("/pause_generation", """{"mode": "in_place"}""");
        Task<JsonElement> running = _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 900, "ignore_eos": true}}""");
        while (_server.Engine.Statistics.Waiting == 0)
            await Task.Delay(5, Cancellation);

        await _server.PostAsync("/pause_generation", "{}");

        Assert.Equal("abort", (await running).GetProperty("meta_info").GetProperty("finish_reason").GetProperty("type").GetString());
        await _server.PostAsync("/continue_generation", "");
    }

    [Fact]
    public async Task The_cache_is_flushed_only_where_nothing_waits_or_runs()
    {
        Assert.Equal(HttpStatusCode.OK, await FlushAsync());
        await _server.PostAsync("/pause_generation", """{"mode": "in_place"}""");
        await _server.PostAsync("/continue_generation", "{}");
        Task<JsonElement> running = _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 1000, "ignore_eos": true}}""");
        while (_server.Engine.Statistics.Running == 0 && !running.IsCompleted)
            await Task.Delay(1, Cancellation);
        HttpStatusCode busy = await FlushAsync();
        if (_server.Engine.Statistics.Running > 0)
            Assert.Equal(HttpStatusCode.BadRequest, busy);

        await _server.PostAsync("/abort_request", """{"abort_all": true}""");
        await running;
        while (await FlushAsync() != HttpStatusCode.OK)
            await Task.Delay(5, Cancellation);
    }

    [Fact]
    public async Task New_weights_have_the_name_that_the_trainer_gave_them()
    {
        JsonElement updated = await _server.PostAsync("/update_weights_from_disk", JsonSerializer.Serialize(new { model_path = _model, weight_version = "step-42", flush_cache = true, token_step = 0, load_format = (string?)null }));
        Assert.True(updated.GetProperty("success").GetBoolean());
        Assert.Equal(0, updated.GetProperty("num_paused_requests").GetInt32());
        Assert.Equal("step-42", (await _server.Gateway.GetAsync("/get_weight_version")).GetProperty("weight_version").GetString());
        Assert.Equal("step-42", (await _server.Gateway.GetAsync("/model_info")).GetProperty("weight_version").GetString());
        JsonElement answer = await _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 1}}""");
        Assert.Equal("step-42", answer.GetProperty("meta_info").GetProperty("weight_version").GetString());

        JsonElement refused = await _server.PostAsync("/update_weights_from_disk", """{"model_path": "/nowhere"}""", HttpStatusCode.BadRequest);
        Assert.Contains("/nowhere", refused.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("step-42", (await _server.Gateway.GetAsync("/weight_version")).GetProperty("weight_version").GetString());
    }

    [Fact]
    public async Task Naming_the_weights_aborts_nothing_unless_it_is_told_to()
    {
        await _server.PostAsync("/pause_generation", """{"mode": "in_place"}""");
        Task<JsonElement> running = _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 20, "ignore_eos": true}}""");
        while (_server.Engine.Statistics.Waiting == 0)
            await Task.Delay(5, Cancellation);

        JsonElement named = await _server.PostAsync("/update_weight_version", """{"new_version": 43}""");
        await _server.PostAsync("/continue_generation", "{}");

        Assert.Equal(("43", true), (named.GetProperty("new_version").GetString(), named.GetProperty("success").GetBoolean()));
        Assert.Equal("length", (await running).GetProperty("meta_info").GetProperty("finish_reason").GetProperty("type").GetString());
    }

    [Fact]
    public async Task Memory_is_lent_and_taken_back_with_bodies_that_are_JSON()
    {
        JsonElement before = await _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 9, "temperature": 0}}""");
        Assert.Equal(JsonValueKind.Object, (await _server.PostAsync("/release_memory_occupation", """{"tags": null}""")).ValueKind);
        Assert.Equal(JsonValueKind.Object, (await _server.PostAsync("/resume_memory_occupation", """{"tags": ["weights"]}""")).ValueKind);
        Assert.Equal(JsonValueKind.Object, (await _server.PostAsync("/resume_memory_occupation", """{"tags": ["kv_cache", "cuda_graph"]}""")).ValueKind);
        JsonElement after = await _server.PostAsync("/generate", """{"input_ids": [5], "sampling_params": {"max_new_tokens": 9, "temperature": 0}}""");

        Assert.Equal(before.GetProperty("output_ids").GetRawText(), after.GetProperty("output_ids").GetRawText());
        JsonElement refused = await _server.PostAsync("/release_memory_occupation", """{"tags": ["x"]}""", HttpStatusCode.BadRequest);
        Assert.Contains("known tags: weights, kv_cache, cuda_graph", refused.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/update_weights_from_tensor", "pickles")]
    [InlineData("/update_weights_from_ipc", "pickles")]
    [InlineData("/init_weights_update_group", "process group")]
    [InlineData("/update_weights_from_distributed", "/update_weights_from_disk")]
    [InlineData("/open_session", "send all tokens so far")]
    [InlineData("/load_lora_adapter", "adapters")]
    [InlineData("/workers", "its own only worker")]
    public async Task What_is_not_done_here_is_refused_with_the_way_to_go_instead(string path, string expected)
    {
        JsonElement refused = await _server.PostAsync(path, """{"serialized_named_tensors": ["gASV"], "url": "http://127.0.0.1:1"}""", HttpStatusCode.BadRequest);

        Assert.Contains(expected, refused.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.False(refused.GetProperty("success").GetBoolean());
    }

    [Fact]
    public async Task The_server_tells_what_it_is_and_how_much_it_has_to_do()
    {
        JsonElement model = await _server.Gateway.GetAsync("/get_model_info"), server = await _server.Gateway.GetAsync("/get_server_info");
        Assert.Equal((_model, true, "0"), (model.GetProperty("model_path").GetString(), model.GetProperty("is_generation").GetBoolean(), model.GetProperty("weight_version").GetString()));
        Assert.Equal(("tiny-agent", 1, false), (server.GetProperty("served_model_name").GetString(), server.GetProperty("tp_size").GetInt32(), server.GetProperty("incremental_streaming_output").GetBoolean()));
        Assert.Equal(0, (await _server.Gateway.GetAsync("/get_load"))[0].GetProperty("num_reqs").GetInt32());
        Assert.Equal(0, (await _server.Gateway.GetAsync("/v1/loads?include=core")).GetProperty("loads")[0].GetProperty("num_total_reqs").GetInt32());
        Assert.Equal(1, (await _server.Gateway.GetAsync("/workers")).GetProperty("total").GetInt32());
        Assert.Equal(1, (await _server.Gateway.GetAsync("/list_workers")).GetProperty("urls").GetArrayLength());
        foreach (string path in (string[])["/health", "/health_generate"])
        {
            using HttpResponseMessage healthy = await _server.Gateway.Client.GetAsync(path, Cancellation);
            Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
        }
    }

    private async Task<HttpStatusCode> FlushAsync()
    {
        using HttpResponseMessage response = await _server.Gateway.Client.GetAsync("/flush_cache", Cancellation);
        return response.StatusCode;
    }
}
