using System.Net;
using System.Text;
using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Xunit;
using static AgentRollout.Gateway.Tests.Dialects.DialectClient;

namespace AgentRollout.Gateway.Tests.Dialects.Vllm;

public sealed class TokenEndpointTests
{
    private const string Path = "/inference/v1/generate";
    private const string Prompt = "[72, 101, 108, 108, 111]";

    [Fact]
    public async Task Clients_of_the_older_form_and_of_the_newer_one_find_what_they_read()
    {
        await using DialectClient client = await StartAsync();
        JsonElement answer = await client.PostAsync(Path, $$"""
            {"request_id": "r1", "token_ids": {{Prompt}}, "sampling_params": {"max_tokens": 12, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "logprobs": 3, "seed": 5, "ignore_eos": true, "detokenize": false},
             "model": "{{client.Model.Policy.Name}}", "stream": false, "cache_salt": null, "priority": 0, "features": null, "kv_transfer_params": null, "return_token_ids": true, "output_mode": "tokens"}
            """);
        JsonElement choice = answer.GetProperty("choices")[0];
        JsonElement[] items = [.. choice.GetProperty("logprobs").GetProperty("content").EnumerateArray()];
        int[] tokens = Ids(choice.GetProperty("token_ids"));
        Assert.Equal(("r1", "length", 12), (answer.GetProperty("request_id").GetString(), choice.GetProperty("finish_reason").GetString(), tokens.Length));
        Assert.Equal([72, 101, 108, 108, 111], Ids(answer.GetProperty("prompt_token_ids")));
        Assert.Equal((5, 12, 17), (Usage("prompt_tokens"), Usage("completion_tokens"), Usage("total_tokens")));
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (answer.GetProperty("prompt_logprobs").ValueKind, answer.GetProperty("kv_transfer_params").ValueKind));
        Assert.Equal("""[{"version":"0","start":0,"end":12}]""", choice.GetProperty("weight_versions").GetRawText());
        for (int i = 0; i < items.Length; i++)
        {
            JsonElement[] top = [.. items[i].GetProperty("top_logprobs").EnumerateArray()];
            Assert.Equal(($"token_id:{tokens[i]}", tokens[i]), (items[i].GetProperty("token").GetString(), items[i].GetProperty("token_id").GetInt32()));
            Assert.Equal(tokens[i], top[0].GetProperty("token_id").GetInt32());
            Assert.Equal(top[0].GetProperty("rank").ValueKind == JsonValueKind.Null ? 4 : 3, top.Length);
            Assert.Equal(items[i].GetProperty("rank").GetRawText(), top[0].GetProperty("rank").GetRawText());
            Assert.All(top[1..], other => Assert.InRange(other.GetProperty("rank").GetInt32(), 1, 3));
        }

        int Usage(string name) => answer.GetProperty("usage").GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task The_same_seed_gives_what_the_other_dialects_and_the_engine_give_to_the_bit()
    {
        await using DialectClient client = await StartAsync();
        for (int seed = -2; seed < 6; seed++)
        {
            string sampling = $$""" "max_tokens": 24, "temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.1, "seed": {{seed}}, "min_tokens": 4, "logprobs": 2 """;
            JsonElement native = (await client.PostAsync(Path, $$"""{"token_ids": {{Prompt}}, "sampling_params": {"n": 2, {{sampling}} } }""")).GetProperty("choices");
            JsonElement completions = (await client.PostAsync("/v1/completions", $$"""{"prompt": {{Prompt}}, "n": 2, "return_token_ids": true, {{sampling}} }""")).GetProperty("choices");
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(Ids(native[i].GetProperty("token_ids")), Ids(completions[i].GetProperty("token_ids")));
                Assert.Equal(Logprobs(native[i]), Numbers(completions[i].GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray()));
            }

            JsonElement sglang = await client.PostAsync("/generate", $$"""
                {"input_ids": {{Prompt}}, "return_logprob": true, "sampling_params": {"max_new_tokens": 24, "temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.1, "sampling_seed": {{seed}}, "min_new_tokens": 4} }
                """);
            Assert.Equal(Ids(native[0].GetProperty("token_ids")), Ids(sglang.GetProperty("output_ids")));
            GenerationRequest request = new()
            {
                Id = "again",
                Tokens = (int[])[72, 101, 108, 108, 111],
                MaxNewTokens = 24,
                Seed = unchecked((ulong)seed),
                Sampling = new SamplingParams(0.8f, 20, 0.9f, 0.01f) { RepetitionPenalty = 1.1f, MinNewTokens = 4 },
                StopTokenIds = [.. client.Model.Engine.Model.StopTokenIds.Union(client.Model.Policy.Format.EndOfTurnIds)],
            };
            (List<int> tokens, List<float> logprobs) = ([], []);
            await foreach (TokenChunk chunk in client.Model.Engine.GenerateAsync(request, TestContext.Current.CancellationToken))
            {
                tokens.AddRange(chunk.Tokens.Span);
                logprobs.AddRange(chunk.Logprobs.Span);
            }

            Assert.Equal(tokens, Ids(native[0].GetProperty("token_ids")));
            Assert.Equal(logprobs, Logprobs(native[0]));
        }
    }

    [Fact]
    public async Task The_pieces_of_a_stream_joined_are_the_whole_answer()
    {
        await using DialectClient client = await StartAsync();
        for (int seed = 0; seed < 12; seed++)
        {
            string rest = $$"""
                "request_id": "r", "token_ids": {{Prompt}}, "return_token_ids": true, "stream_options": {"include_usage": true},
                "sampling_params": {"n": {{1 + (seed % 3)}}, "max_tokens": {{5 + (3 * seed)}}, "seed": {{seed}}, "logprobs": {{seed % 3}}, "stop": ["e", "zz"], "ignore_eos": {{(seed % 2 == 0 ? "true" : "false")}}}
                """;
            JsonElement whole = await client.PostAsync(Path, $"{{{rest}}}");
            JsonElement[] pieces = await client.StreamAsync(Path, $$"""{"stream": true, {{rest}} }""");
            Assert.Equal([72, 101, 108, 108, 111], Ids(pieces[0].GetProperty("prompt_token_ids")));
            Assert.DoesNotContain(pieces[1..], piece => piece.TryGetProperty("prompt_token_ids", out _));
            Assert.Equal(Counts(whole), Counts(pieces[^1]));
            foreach (JsonElement expected in whole.GetProperty("choices").EnumerateArray())
            {
                JsonElement[] own = [.. pieces[..^1].Select(piece => piece.GetProperty("choices")[0]).Where(choice => choice.GetProperty("index").GetInt32() == expected.GetProperty("index").GetInt32())];
                Assert.Equal(Ids(expected.GetProperty("token_ids")), own.SelectMany(choice => Ids(choice.GetProperty("token_ids"))));
                Assert.Equal(Items(expected), own.SelectMany(Items));
                Assert.Equal(expected.GetProperty("finish_reason").GetString(), own[^1].GetProperty("finish_reason").GetString());
                Assert.All(own[..^1], choice => Assert.Equal(JsonValueKind.Null, choice.GetProperty("finish_reason").ValueKind));
                Assert.Equal(expected.GetProperty("weight_versions").GetRawText(), own[^1].GetProperty("weight_versions").GetRawText());
            }
        }

        static IEnumerable<string> Items(JsonElement choice) => choice.GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(item => item.GetRawText());
        static (int, int) Counts(JsonElement answer) =>
            (answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Log_probabilities_of_the_prompt_are_the_engines_in_all_three_calls()
    {
        await using DialectClient client = await StartAsync();
        IReadOnlyList<ScoredToken> scored = await client.Model.Engine.ScoreAsync(
            new ScoreRequest { Tokens = (int[])[72, 101, 108, 108, 111], TopLogprobs = 2 }, TestContext.Current.CancellationToken);
        JsonElement native = await client.PostAsync(Path, $$"""{"token_ids": {{Prompt}}, "sampling_params": {"max_tokens": 1, "prompt_logprobs": 2, "logprobs": 1} }""");
        JsonElement completion = await client.PostAsync("/v1/completions", $$"""{"prompt": {{Prompt}}, "max_tokens": 1, "prompt_logprobs": 2, "logprobs": 1}""");
        JsonElement chat = await client.PostAsync("/v1/chat/completions", $$"""{"input_ids": {{Prompt}}, "max_tokens": 1, "prompt_logprobs": 2}""");
        JsonElement[] lists = [.. native.GetProperty("prompt_logprobs").EnumerateArray()];
        Assert.Equal((5, JsonValueKind.Null), (lists.Length, lists[0].ValueKind));
        for (int i = 1; i < lists.Length; i++)
        {
            ScoredToken expected = scored[i - 1];
            JsonProperty[] known = [.. lists[i].EnumerateObject()];
            Assert.Equal((expected.Token.ToString(), expected.Logprob), (known[0].Name, known[0].Value.GetProperty("logprob").GetSingle()));
            Assert.Equal(expected.Top.ToArray().Select(top => top.Token).Append(expected.Token).Distinct().Order(), known.Select(member => int.Parse(member.Name)).Order());
        }

        Assert.Equal(native.GetProperty("prompt_logprobs").GetRawText(), completion.GetProperty("choices")[0].GetProperty("prompt_logprobs").GetRawText());
        Assert.Equal(native.GetProperty("prompt_logprobs").GetRawText(), chat.GetProperty("prompt_logprobs").GetRawText());
        Assert.InRange(native.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content")[0].GetProperty("top_logprobs").GetArrayLength(), 1, 2);
        Assert.Single(completion.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("top_logprobs")[0].EnumerateObject());
    }

    [Fact]
    public async Task This_projects_own_client_learns_what_the_protocol_has_no_members_for()
    {
        await using DialectClient client = await StartAsync();
        JsonElement facts = (await client.GetAsync("/v1/models")).GetProperty("data")[0].GetProperty("agentrollout");
        EngineModel model = client.Model.Engine.Model;
        Assert.Equal((model.VocabularySize, model.ContextLength), (facts.GetProperty("vocabulary_size").GetInt32(), facts.GetProperty("context_length").GetInt32()));
        Assert.Equal(model.StopTokenIds, Ids(facts.GetProperty("stop_token_ids")));
        Assert.Equal(0, facts.GetProperty("weight_version").GetInt32());
        JsonElement choice = (await client.PostAsync(Path, $$"""
            {"token_ids": {{Prompt}}, "sampling_params": {"max_tokens": 6, "seed": 1, "temperature": 0.5, "ignore_eos": true, "logprobs": 1}, "agentrollout": {"details": true, "cache_key": "c", "group_key": "g"} }
            """)).GetProperty("choices")[0];
        JsonElement details = choice.GetProperty("agentrollout");
        Assert.Equal((0, "length"), (details.GetProperty("weight_version").GetInt32(), details.GetProperty("finish").GetString()));
        Assert.Equal(Logprobs(choice), Numbers(details.GetProperty("raw_logprobs").EnumerateArray()));
        Assert.NotEqual(Logprobs(choice), Numbers(details.GetProperty("sampling_logprobs").EnumerateArray()));
        Assert.Equal(6, details.GetProperty("sampling_logprobs").GetArrayLength());
    }

    [Fact]
    public async Task What_is_not_said_fills_the_context_and_has_a_name()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, Path) { Content = new StringContent($$"""{"token_ids": {{Prompt}}, "priority": 3}""", Encoding.UTF8, "application/json") };
        request.Headers.Add("X-Request-Id", "mine");
        using HttpResponseMessage response = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
        JsonElement answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        GenerationRequest sent = gateway.Engine.Requests.Single();
        Assert.Equal(("mine", "mine", -3, 4_096), (answer.GetProperty("request_id").GetString(), sent.Id, sent.Priority, sent.Tokens.Length + sent.MaxNewTokens));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("choices")[0].GetProperty("logprobs").ValueKind);
    }

    [Theory]
    [InlineData("{}", "no 'token_ids'")]
    [InlineData("""{"token_ids": []}""", "no tokens")]
    [InlineData("""{"token_ids": "x"}""", "'token_ids' is \"x\"; it must be an integer.")]
    [InlineData("""{"token_ids": [-1]}""", "-1")]
    [InlineData("""{"token_ids": [1], "sampling_params": []}""", "'sampling_params' must be an object.")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"n": 0}}""", "'n' is 0; it must be 1 to 128.")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"logprobs": -1}}""", "'logprobs' is -1; it must be at least 0.")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"logprobs": 21}}""", "21 top log-probabilities")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"temperature": 1e50}}""", "'temperature' is 1e50")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"structured_outputs": {"json": {}}}}""", "'structured_outputs' is not supported")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"allowed_token_ids": [1]}}""", "'allowed_token_ids' is not supported")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"bad_words": ["x"]}}""", "'bad_words' is not supported")]
    [InlineData("""{"token_ids": [1], "sampling_params": {"prompt_logprobs": 1}, "stream": true}""", "cannot be streamed")]
    [InlineData("""{"token_ids": [1], "features": {"mm_hashes": {}}}""", "'features' is not supported")]
    [InlineData("""{"token_ids": [1], "kv_transfer_params": {"do_remote_prefill": true}}""", "'kv_transfer_params' is not supported")]
    [InlineData("""{"token_ids": [1], "output_mode": "text"}""", "'output_mode' is 'text'")]
    [InlineData("[", "not JSON at line 1")]
    public async Task What_cannot_be_honoured_is_refused_in_the_protocols_form(string body, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await gateway.Client.PostAsync(Path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        JsonElement answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        JsonElement error = answer.GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, "BadRequestError", 400), (response.StatusCode, error.GetProperty("type").GetString(), error.GetProperty("code").GetInt32()));
        Assert.Contains(expected, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(error.GetProperty("message").GetString(), answer.GetProperty("message").GetString());
        Assert.Equal(0, gateway.Engine.Running);
    }

    private static float[] Logprobs(JsonElement choice) => Numbers(choice.GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(item => item.GetProperty("logprob")));
}
