using System.Net;
using System.Text.Json;
using AgentRollout.RolloutEngine;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects.Sglang;

public sealed class GenerateTests : IAsyncLifetime
{
    private const string Prompt = "[5, 6, 7, 8, 9]";
    private SglangServer _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SglangServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task The_same_seed_samples_what_the_engine_samples_and_every_log_probability_keeps_its_bits()
    {
        Random random = new(5);
        for (int i = 0; i < 12; i++)
        {
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(1_000))];
            ulong seed = (ulong)random.NextInt64();
            (int[] tokens, float[] logprobs) = await _server.GenerateAsync(new GenerationRequest
            {
                Id = "own", Tokens = prompt, MaxNewTokens = 24, Seed = seed, StopTokenIds = _server.Engine.Model.StopTokenIds,
            });

            JsonElement answer = await _server.PostAsync("/generate", $$"""
                {"input_ids": [{{string.Join(',', prompt)}}], "sampling_params": {"max_new_tokens": 24, "sampling_seed": {{seed}} }, "return_logprob": true, "some_new_field": {"a": 1} }
                """);

            Assert.Equal(tokens, Ids(answer.GetProperty("output_ids")));
            JsonElement[] triples = Output(answer);
            Assert.Equal(tokens, triples.Select(triple => triple[1].GetInt32()));
            Assert.Equal(logprobs, triples.Select(triple => triple[0].GetSingle()));
        }
    }

    [Fact]
    public async Task An_answer_has_what_trainers_read()
    {
        JsonElement answer = await _server.PostAsync("/generate", $$"""
            {"rid": "traj-17-turn-2", "input_ids": {{Prompt}}, "sampling_params": {"max_new_tokens": 4, "temperature": 0, "ignore_eos": true}, "return_logprob": true, "logprob_start_len": 2,
             "top_logprobs_num": 2, "token_ids_logprob": [3, 4], "return_text_in_logprobs": true, "return_prompt_token_ids": true, "lora_path": null, "image_data": null, "return_routed_experts": false}
            """);

        JsonElement meta = answer.GetProperty("meta_info");
        Assert.Equal("traj-17-turn-2", meta.GetProperty("id").GetString());
        Assert.Equal("""{"type":"length","length":4}""", meta.GetProperty("finish_reason").GetRawText());
        Assert.Equal((5, 4, "0"), (meta.GetProperty("prompt_tokens").GetInt32(), meta.GetProperty("completion_tokens").GetInt32(), meta.GetProperty("weight_version").GetString()));
        Assert.Equal([5, 6, 7, 8, 9], Ids(answer.GetProperty("prompt_token_ids")));
        JsonElement[] input = [.. meta.GetProperty("input_token_logprobs").EnumerateArray()];
        Assert.Equal(JsonValueKind.Null, input[0][0].ValueKind);
        Assert.Equal([7, 8, 9], input.Select(triple => triple[1].GetInt32()));
        Assert.Equal(_server.Format.Tokenizer.Decode([8]), input[1][2].GetString());
        Assert.Equal(4, meta.GetProperty("output_top_logprobs").GetArrayLength());
        // Greedy: the sampled token is the likeliest.
        Assert.All(Output(answer).Zip(meta.GetProperty("output_top_logprobs").EnumerateArray()), pair => Assert.Equal(pair.First[1].GetInt32(), pair.Second[0][1].GetInt32()));
        Assert.All(meta.GetProperty("output_token_ids_logprobs").EnumerateArray(), place => Assert.Equal([3, 4], place.EnumerateArray().Select(triple => triple[1].GetInt32())));
        Assert.Equal(4, meta.GetProperty("output_token_logprobs_length").GetInt32());
    }

    [Fact]
    public async Task Log_probabilities_of_a_prompt_are_those_that_sampling_it_would_have_had()
    {
        JsonElement sampled = await _server.PostAsync("/generate", $$"""{"input_ids": {{Prompt}}, "sampling_params": {"max_new_tokens": 12, "sampling_seed": 3, "ignore_eos": true}, "return_logprob": true}""");
        int[] output = Ids(sampled.GetProperty("output_ids"));

        JsonElement scored = await _server.PostAsync("/generate", $$"""
            {"input_ids": [5, 6, 7, 8, 9, {{string.Join(',', output)}}], "sampling_params": {"max_new_tokens": 0}, "return_logprob": true, "logprob_start_len": 4}
            """);

        JsonElement[] input = [.. scored.GetProperty("meta_info").GetProperty("input_token_logprobs").EnumerateArray()];
        Assert.Equal(Output(sampled).Select(triple => triple[0].GetSingle()), input[1..].Select(triple => triple[0].GetSingle()));
        Assert.Empty(scored.GetProperty("output_ids").EnumerateArray());
    }

    [Fact]
    public async Task A_batch_answers_as_its_prompts_do_alone_in_their_order()
    {
        JsonElement[] alone =
        [
            await _server.PostAsync("/generate", """{"input_ids": [5, 6], "sampling_params": {"max_new_tokens": 9, "sampling_seed": 1}, "rid": "a"}"""),
            await _server.PostAsync("/generate", """{"input_ids": [700], "sampling_params": {"max_new_tokens": 5, "sampling_seed": 2}, "rid": "b"}"""),
        ];

        JsonElement both = await _server.PostAsync("/generate", """
            {"input_ids": [[5, 6], [700]], "sampling_params": [{"max_new_tokens": 9, "sampling_seed": 1}, {"max_new_tokens": 5, "sampling_seed": 2}], "rid": ["a", "b"]}
            """);

        Assert.Equal(alone.Select(answer => answer.GetProperty("output_ids").GetRawText()), both.EnumerateArray().Select(answer => answer.GetProperty("output_ids").GetRawText()));
        Assert.Equal(["a", "b"], both.EnumerateArray().Select(answer => answer.GetProperty("meta_info").GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Several_answers_of_one_prompt_are_a_flat_list()
    {
        JsonElement answers = await _server.PostAsync("/generate", """{"text": ["hello", "you"], "sampling_params": {"max_new_tokens": 3, "n": 3}}""");

        Assert.Equal(6, answers.GetArrayLength());
        Assert.Equal(JsonValueKind.Object, (await _server.PostAsync("/generate", """{"text": "hello", "sampling_params": {"max_new_tokens": 1}}""")).ValueKind);
        Assert.Equal(1, (await _server.PostAsync("/generate", """{"text": ["hello"], "sampling_params": {"max_new_tokens": 1}}""")).GetArrayLength());
    }

    [Fact]
    public async Task Pieces_of_a_stream_hold_all_there_is_so_far_and_the_last_is_the_whole_answer()
    {
        const string Call = """ "input_ids": [5, 6], "sampling_params": {"max_new_tokens": 20, "sampling_seed": 4, "ignore_eos": true}, "return_logprob": true """;
        JsonElement whole = await _server.PostAsync("/generate", $$"""{ {{Call}} }""");

        List<JsonElement> pieces = await _server.StreamAsync($$"""{ {{Call}}, "stream": true}""");

        for (int i = 1; i < pieces.Count; i++)
        {
            int[] before = Ids(pieces[i - 1].GetProperty("output_ids")), now = Ids(pieces[i].GetProperty("output_ids"));
            Assert.Equal(before, now[..before.Length]);
            Assert.StartsWith(pieces[i - 1].GetProperty("text").GetString()!, pieces[i].GetProperty("text").GetString(), StringComparison.Ordinal);
            Assert.Equal(JsonValueKind.Null, pieces[i - 1].GetProperty("meta_info").GetProperty("finish_reason").ValueKind);
        }

        Assert.Equal(whole.GetProperty("text").GetString(), pieces[^1].GetProperty("text").GetString());
        Assert.Equal(Output(whole).Select(triple => triple.GetRawText()), Output(pieces[^1]).Select(triple => triple.GetRawText()));
        Assert.Equal("length", pieces[^1].GetProperty("meta_info").GetProperty("finish_reason").GetProperty("type").GetString());
    }

    [Fact]
    public async Task Incremental_pieces_joined_are_the_whole_answer()
    {
        await using SglangServer server = await SglangServer.StartAsync(new GatewayOptions { Dialects = new() { Sglang = new() { IncrementalStreamingOutput = true } } });
        for (int seed = 0; seed < 6; seed++)
        {
            string call = $$"""{"text": ["hello you", "a"], "sampling_params": {"max_new_tokens": 20, "sampling_seed": {{seed}}, "stop": ["e", "tool"]}, "return_logprob": true, "stream": """;
            JsonElement whole = await server.PostAsync("/generate", call + "false}");

            List<JsonElement> pieces = await server.StreamAsync(call + "true}");

            for (int index = 0; index < 2; index++)
            {
                JsonElement[] mine = [.. pieces.Where(piece => piece.GetProperty("index").GetInt32() == index)];
                Assert.Equal(whole[index].GetProperty("text").GetString(), string.Concat(mine.Select(piece => piece.GetProperty("text").GetString())));
                Assert.Equal(Ids(whole[index].GetProperty("output_ids")), mine.SelectMany(piece => Ids(piece.GetProperty("output_ids"))));
                Assert.Equal(Output(whole[index]).Select(triple => triple.GetRawText()), mine.SelectMany(Output).Select(triple => triple.GetRawText()));
                Assert.Equal(whole[index].GetProperty("meta_info").GetProperty("finish_reason").GetRawText(), mine[^1].GetProperty("meta_info").GetProperty("finish_reason").GetRawText());
            }
        }
    }

    [Fact]
    public async Task A_stop_text_ends_the_answer_and_is_left_out_unless_it_is_to_be_kept()
    {
        const string Greedy = """{"text": "hello", "sampling_params": {"max_new_tokens": 30, "temperature": 0, "ignore_eos": true STOP}}""";
        string text = (await _server.PostAsync("/generate", Greedy.Replace("STOP", "", StringComparison.Ordinal))).GetProperty("text").GetString()!;
        string stop = text[(text.Length / 2)..(text.Length / 2 + 3)];
        string said = JsonSerializer.Serialize(stop);

        JsonElement trimmed = await _server.PostAsync("/generate", Greedy.Replace("STOP", $", \"stop\": {said}", StringComparison.Ordinal));
        JsonElement kept = await _server.PostAsync("/generate", Greedy.Replace("STOP", $", \"stop\": [{said}], \"no_stop_trim\": true", StringComparison.Ordinal));

        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], trimmed.GetProperty("text").GetString());
        Assert.Contains(stop, kept.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(stop, trimmed.GetProperty("meta_info").GetProperty("finish_reason").GetProperty("matched").GetString());
    }

    [Fact]
    public async Task An_aborted_call_answers_with_what_there_is()
    {
        Task<JsonElement> running = _server.PostAsync("/generate", """{"rid": "group-1-a", "input_ids": [5], "sampling_params": {"max_new_tokens": 1000, "ignore_eos": true}}""");
        Task<JsonElement> other = _server.PostAsync("/generate", """{"rid": "other", "input_ids": [5], "sampling_params": {"max_new_tokens": 3}}""");
        while (!running.IsCompleted)
        {
            await _server.PostAsync("/abort_request", """{"rid": "group-1"}""");
            await Task.Delay(1, Cancellation);
        }

        JsonElement finish = (await running).GetProperty("meta_info").GetProperty("finish_reason");
        Assert.Contains(finish.GetProperty("type").GetString(), (string[])["abort", "length"]);
        if (finish.GetProperty("type").GetString() == "abort")
            Assert.Equal((await running).GetProperty("output_ids").GetArrayLength() == 0, finish.GetProperty("message").GetString()!.StartsWith("Abort before prefill", StringComparison.Ordinal));
        Assert.NotEqual("abort", (await other).GetProperty("meta_info").GetProperty("finish_reason").GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_client_that_leaves_frees_the_engine()
    {
        using CancellationTokenSource leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using HttpRequestMessage request = new(HttpMethod.Post, "/generate") { Content = new StringContent("""{"input_ids": [5], "sampling_params": {"max_new_tokens": 1000, "ignore_eos": true}, "stream": true}""") };
        using (HttpResponseMessage response = await _server.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leaving.Token))
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);

        while (_server.Engine.Statistics is not { Running: 0, Waiting: 0, PagesInUse: 0 })
            await Task.Delay(10, Cancellation);
    }

    [Theory]
    [InlineData("""{"sampling_params": {}}""", "Either 'text' or 'input_ids' must be given.")]
    [InlineData("""{"text": "a", "input_ids": [1]}""", "cannot be given at the same time")]
    [InlineData("""{"input_ids": ["a"]}""", "'input_ids' has a type or value that cannot be read there.")]
    [InlineData("""{"input_ids": [1, [2]]}""", "'input_ids' has a type or value that cannot be read there.")]
    [InlineData("""{"input_ids": []}""", "has no tokens")]
    [InlineData("""{"input_ids": [99999999]}""", "99999999")]
    [InlineData("""{"input_ids": [1], "stream": "yes"}""", "'stream' has a type or value")]
    [InlineData("""{"input_ids": [1], "sampling_params": {"max_new_token": 3}}""", "Sampling parameter 'max_new_token' is not known.")]
    [InlineData("""{"input_ids": [1], "sampling_params": {"temperature": "hot"}}""", "'temperature' is \"hot\"; it must be a number.")]
    [InlineData("""{"input_ids": [1], "sampling_params": {"regex": "a+"}}""", "'regex' is not supported: constrained decoding is not computed here.")]
    [InlineData("""{"input_ids": [1], "sampling_params": {"n": 0}}""", "'n' is 0")]
    [InlineData("""{"input_ids": [1], "sampling_params": {"top_k": 0}}""", "'top_k' is 0; it must be -1, for all tokens, or at least 1.")]
    [InlineData("""{"input_ids": [[1], [2]], "rid": ["a"]}""", "'rid' has 1 entries for 2 prompts.")]
    [InlineData("""{"input_ids": [1], "lora_path": "x"}""", "'lora_path' is not supported")]
    [InlineData("""{"input_ids": [1], "return_logprob": true, "logprob_start_len": 5}""", "'logprob_start_len' is 5; the prompt has 1 tokens.")]
    [InlineData("""{"text": "\ud800"}""", "no Unicode")]
    [InlineData("""{"text": """, "not JSON at line 1")]
    [InlineData("""[1]""", "The body has a type or value that cannot be read there.")]
    public async Task What_cannot_be_honoured_is_refused_in_the_protocols_form(string body, string expected)
    {
        JsonElement error = await _server.PostAsync("/generate", body, HttpStatusCode.BadRequest);

        Assert.Contains(expected, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(error.GetProperty("message").GetString(), error.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal(("error", 400, false), (error.GetProperty("object").GetString(), error.GetProperty("code").GetInt32(), error.GetProperty("success").GetBoolean()));
    }

    [Fact]
    public async Task A_prefix_moves_the_protocol_and_it_can_be_off()
    {
        await using SglangServer moved = await SglangServer.StartAsync(new GatewayOptions { Dialects = new() { Sglang = new() { Prefix = "/sglang" } } });
        await moved.PostAsync("/sglang/generate", """{"input_ids": [1], "sampling_params": {"max_new_tokens": 1}}""");
        await moved.PostAsync("/generate", "{}", HttpStatusCode.NotFound);

        await using SglangServer off = await SglangServer.StartAsync(new GatewayOptions { Dialects = new() { Sglang = new() { Enabled = false } } });
        await off.PostAsync("/generate", "{}", HttpStatusCode.NotFound);
    }

    private static JsonElement[] Output(JsonElement answer) => [.. answer.GetProperty("meta_info").GetProperty("output_token_logprobs").EnumerateArray()];

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
