using System.Net;
using System.Text;
using System.Text.Json;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Dialects.Chat;
using Xunit;
using static AgentRollout.Gateway.Tests.Dialects.DialectClient;

namespace AgentRollout.Gateway.Tests.Dialects.Vllm;

public sealed class VllmControlTests
{
    private const string Generate = "/inference/v1/generate";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_pause_that_aborts_ends_calls_and_one_that_keeps_lets_them_go_on()
    {
        await using DialectClient client = await StartAsync();
        Assert.Equal("paused", (await client.PostAsync("/pause?mode=keep")).GetProperty("status").GetString());
        Assert.True((await client.GetAsync("/is_paused")).GetProperty("is_paused").GetBoolean());
        Task<JsonElement> aborted = client.PostAsync(Generate, Request(20));
        await UntilAsync(client, calls: 1);
        await client.PostAsync("/pause");
        Assert.Equal("abort", (await aborted.WaitAsync(Patience, TestContext.Current.CancellationToken)).GetProperty("choices")[0].GetProperty("finish_reason").GetString());

        Task<JsonElement> kept = client.PostAsync(Generate, Request(20));
        await UntilAsync(client, calls: 1);
        await client.PostAsync("/pause?mode=keep");
        Assert.Equal("resumed", (await client.PostAsync("/resume")).GetProperty("status").GetString());
        Assert.False((await client.GetAsync("/is_paused")).GetProperty("is_paused").GetBoolean());
        Assert.Equal(20, (await kept.WaitAsync(Patience, TestContext.Current.CancellationToken)).GetProperty("choices")[0].GetProperty("token_ids").GetArrayLength());
    }

    [Theory]
    [InlineData("/pause?mode=wait")]
    [InlineData("/pause?wait_for_inflight_requests=true&clear_cache=false")]
    public async Task A_pause_that_waits_lets_what_runs_end(string path)
    {
        await using DialectClient client = await StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, Generate) { Content = new StringContent(Request(400, ", \"stream\": true"), Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await client.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using StreamReader events = new(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        List<JsonElement> pieces = [JsonElement.Parse((await events.ReadLineAsync(TestContext.Current.CancellationToken))!["data: ".Length..])];
        await client.PostAsync(path);
        while (await events.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken) is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
                pieces.Add(JsonElement.Parse(line["data: ".Length..]));
        }

        Assert.Equal(400, pieces.Sum(piece => piece.GetProperty("choices")[0].GetProperty("token_ids").GetArrayLength()));
        Assert.True((await client.GetAsync("/is_paused")).GetProperty("is_paused").GetBoolean());
    }

    [Fact]
    public async Task A_server_that_slept_gives_the_same_tokens()
    {
        await using DialectClient client = await StartAsync();
        int[] before = Ids((await client.PostAsync(Generate, Request(12))).GetProperty("choices")[0].GetProperty("token_ids"));
        await client.PostAsync("/sleep?level=2");
        Assert.True(await IsSleepingAsync());
        await client.PostAsync("/wake_up?tags=weights");
        Assert.True(await IsSleepingAsync());
        await client.PostAsync("/wake_up?tags=kv_cache");
        Assert.False(await IsSleepingAsync());
        await client.PostAsync("/sleep");
        await client.PostAsync("/wake_up");
        await client.PostAsync("/reset_prefix_cache");
        Assert.Equal(before, Ids((await client.PostAsync(Generate, Request(12))).GetProperty("choices")[0].GetProperty("token_ids")));

        async Task<bool> IsSleepingAsync() => (await client.GetAsync("/is_sleeping")).GetProperty("is_sleeping").GetBoolean();
    }

    [Fact]
    public async Task Weights_come_from_disk_and_have_names()
    {
        await using DialectClient client = await StartAsync();
        string folder = JsonSerializer.Serialize(ModelFolder.Find(null));
        Assert.Equal("""{"results":[null]}""", (await client.PostAsync("/collective_rpc", """{"method": "reload_weights"}""")).GetRawText());
        Assert.Equal("1", await VersionAsync());
        await client.PostAsync("/pause?mode=keep");
        await client.PostAsync("/collective_rpc", $$"""{"method": "reload_weights", "kwargs": {"weights_path": {{folder}} } }""");
        await client.PostAsync("/resume");
        Assert.Equal("ok", (await client.PostAsync("/update_weights", $$"""{"weight_dir": {{folder}} }""")).GetProperty("status").GetString());
        Assert.Equal("3", await VersionAsync());
        JsonElement named = await client.PostAsync("/update_weight_version", """{"new_version": "step-7"}""");
        Assert.Equal((true, "step-7"), (named.GetProperty("success").GetBoolean(), named.GetProperty("new_version").GetString()));
        Assert.Equal("step-7", await VersionAsync());
        JsonElement answer = await client.PostAsync(Generate, Request(4));
        Assert.Equal("step-7", answer.GetProperty("choices")[0].GetProperty("weight_versions")[0].GetProperty("version").GetString());

        async Task<string?> VersionAsync() => (await client.GetAsync("/weight_info")).GetProperty("weight_version").GetString();
    }

    [Theory]
    [InlineData("/pause?mode=soon", "", "known modes: abort, wait, keep")]
    [InlineData("/pause?clear_cache=maybe", "", "'clear_cache' is 'maybe'")]
    [InlineData("/sleep?level=9", "", "'level' is '9'; it must be 1 or 2.")]
    [InlineData("/wake_up?tags=memory", "", "known tags: weights, kv_cache")]
    [InlineData("/collective_rpc", """{"method": "save_model"}""", "known methods: reload_weights")]
    [InlineData("/collective_rpc", """{"method": "reload_weights", "kwargs": {"weights_path": "/nowhere"}}""", "/nowhere")]
    [InlineData("/update_weights", """{"update_info": {"names": []}}""", "joins no process group")]
    [InlineData("/init_weight_transfer_engine", """{"init_info": {}}""", "joins no process group")]
    [InlineData("/start_weight_update", "{}", "joins no process group")]
    [InlineData("/finish_weight_update", "{}", "joins no process group")]
    [InlineData("/detokenize", """{"tokens": [-4]}""", "-4")]
    [InlineData("/tokenize", """{"prompt": 4}""", "'prompt' is 4")]
    [InlineData("/tokenize", """{"prompt": "x", "model": "other"}""", "Model 'other' is unknown")]
    public async Task What_cannot_be_done_is_refused_in_one_sentence(string path, string body, string expected)
    {
        await using DialectClient client = await StartAsync();
        (HttpStatusCode status, string text) = await client.SendAsync(HttpMethod.Post, path, body);
        Assert.Equal(expected.Contains("Model", StringComparison.Ordinal) ? HttpStatusCode.NotFound : HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, JsonElement.Parse(text).GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.False((await client.GetAsync("/is_paused")).GetProperty("is_paused").GetBoolean());
    }

    [Fact]
    public async Task Texts_and_conversations_become_the_tokens_that_a_call_would_have_and_texts_again()
    {
        await using DialectClient client = await StartAsync();
        const string messages = """[{"role": "user", "content": "Is it so?"}]""";
        JsonElement chat = await client.PostAsync("/v1/chat/completions", $$"""{"messages": {{messages}}, "max_tokens": 1, "return_token_ids": true}""");
        JsonElement rendered = await client.PostAsync("/tokenize", $$"""{"messages": {{messages}} }""");
        Assert.Equal(Ids(chat.GetProperty("prompt_token_ids")), Ids(rendered.GetProperty("tokens")));
        JsonElement tokens = await client.PostAsync("/tokenize", """{"prompt": "Grüße, 世界", "return_token_strs": true}""");
        Assert.Equal(client.Model.Policy.Format.Tokenizer.EncodeWithSpecialTokens("Grüße, 世界"), Ids(tokens.GetProperty("tokens")));
        Assert.Equal((tokens.GetProperty("tokens").GetArrayLength(), 1_024), (tokens.GetProperty("count").GetInt32(), tokens.GetProperty("max_model_len").GetInt32()));
        Assert.Equal(tokens.GetProperty("count").GetInt32(), tokens.GetProperty("token_strs").GetArrayLength());
        JsonElement text = await client.PostAsync("/detokenize", $$"""{"tokens": {{tokens.GetProperty("tokens").GetRawText()}} }""");
        Assert.Equal(("Grüße, 世界", "Grüße, 世界"), (text.GetProperty("prompt").GetString(), text.GetProperty("text").GetString()));
    }

    [Fact]
    public async Task A_prefix_or_a_port_has_all_that_a_client_of_vLLM_calls_and_nothing_is_left_at_the_root()
    {
        await using DialectClient client = await StartAsync(new GatewayOptions { Dialects = new DialectSettings { Vllm = new ChatDialectSettings { Prefix = "/vllm", AnyModel = true } } });
        await client.GetAsync("/vllm/health");
        await client.GetAsync("/vllm/v1/models");
        await client.GetAsync("/vllm/version");
        Assert.StartsWith("# HELP vllm:num_requests_running", (await client.SendAsync(HttpMethod.Get, "/vllm/metrics", body: null)).Text, StringComparison.Ordinal);
        await client.PostAsync("/vllm/ping");
        await client.PostAsync("/vllm" + Generate, Request(2, ", \"model\": \"whatever\""));
        await client.PostAsync("/vllm/v1/completions", """{"prompt": "x", "max_tokens": 2, "model": "whatever"}""");
        Assert.Equal(HttpStatusCode.NotFound, (await client.SendAsync(HttpMethod.Post, Generate, Request(2))).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await client.SendAsync(HttpMethod.Post, "/v1/completions", """{"prompt": "x", "model": "whatever"}""")).Status);

        await using DialectClient ported = await StartAsync(new GatewayOptions { Dialects = new DialectSettings { Vllm = new ChatDialectSettings { Port = 8_123, AnyModel = true } } });
        const string own = "127.0.0.1:8123";
        Assert.Equal(HttpStatusCode.OK, (await ported.SendAsync(HttpMethod.Get, "/health", body: null, own)).Status);
        Assert.Equal(HttpStatusCode.OK, (await ported.SendAsync(HttpMethod.Post, Generate, Request(2), own)).Status);
        Assert.Equal(HttpStatusCode.OK, (await ported.SendAsync(HttpMethod.Post, "/v1/completions", """{"prompt": "x", "max_tokens": 2, "model": "whatever"}""", own)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await ported.SendAsync(HttpMethod.Post, Generate, Request(2))).Status);
    }

    [Fact]
    public async Task Every_path_that_two_dialects_have_answers_at_the_root()
    {
        await using DialectClient client = await StartAsync();
        Assert.Equal((HttpStatusCode.OK, ""), await client.SendAsync(HttpMethod.Get, "/health", body: null));
        Assert.Equal(0, (await client.GetAsync("/load")).GetProperty("server_load").GetInt32());
        Assert.Equal(1, (await client.GetAsync("/get_world_size?include_dp=true")).GetProperty("world_size").GetInt32());
        await client.GetAsync("/ping");
        string metrics = (await client.SendAsync(HttpMethod.Get, "/metrics", body: null)).Text;
        Assert.Contains($"vllm:num_requests_running{{model_name=\"{client.Model.Policy.Name}\"}} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nvllm:kv_cache_usage_perc{", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_vLLM_adds_to_OpenAIs_calls_is_honoured()
    {
        await using DialectClient client = await StartAsync();
        JsonElement plain = await client.PostAsync("/v1/completions", """{"prompt": "x", "max_tokens": 60, "seed": 3, "ignore_eos": true, "return_token_ids": true}""");
        string text = plain.GetProperty("choices")[0].GetProperty("text").GetString()!;
        string stop = text[2..4];
        string body = $$"""{"prompt": "x", "max_tokens": 60, "seed": 3, "ignore_eos": true, "stop": [{{JsonSerializer.Serialize(stop)}}], "include_stop_str_in_output": """;
        JsonElement kept = (await client.PostAsync("/v1/completions", body + "true}")).GetProperty("choices")[0];
        JsonElement cut = (await client.PostAsync("/v1/completions", body + "false}")).GetProperty("choices")[0];
        Assert.Equal(stop, kept.GetProperty("stop_reason").GetString());
        Assert.StartsWith(cut.GetProperty("text").GetString() + stop, kept.GetProperty("text").GetString(), StringComparison.Ordinal);
        JsonElement chat = await client.PostAsync("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "request_id": "mine", "max_tokens": 400, "seed": 1, "add_special_tokens": false}""");
        JsonElement choice = chat.GetProperty("choices")[0];
        Assert.Equal("mine", chat.GetProperty("id").GetString());
        Assert.Equal(choice.TryGetProperty("matched_stop", out JsonElement matched) ? matched.GetRawText() : "", choice.TryGetProperty("stop_reason", out JsonElement reason) ? reason.GetRawText() : "");
    }

    private static string Request(int tokens, string more = "") =>
        $$$"""{"token_ids": [72, 101, 108, 108, 111], "sampling_params": {"max_tokens": {{{tokens}}}, "seed": 5, "ignore_eos": true}{{{more}}}}""";

    private static async Task UntilAsync(DialectClient client, int calls)
    {
        using CancellationTokenSource patience = new(Patience);
        while ((await client.GetAsync("/load")).GetProperty("server_load").GetInt32() != calls)
            await Task.Delay(5, patience.Token);
    }
}
