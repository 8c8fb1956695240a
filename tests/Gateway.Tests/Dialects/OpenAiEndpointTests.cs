using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

public sealed class OpenAiEndpointTests
{
    private const string Question = """[{"role": "user", "content": "Is it so?"}]""";

    [Fact]
    public async Task Token_ids_are_where_clients_of_vLLM_and_of_SGLang_look()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        JsonElement answer = await AnswerAsync(gateway, "/v1/chat/completions", $$"""{"messages": {{Question}}, "return_token_ids": true, "rid": "mine", "seed": -1}""");
        JsonElement choice = answer.GetProperty("choices")[0];
        int[] sent = [.. gateway.Engine.Requests.Single().Tokens.Span];
        Assert.Equal(sent, Ids(answer.GetProperty("prompt_token_ids")));
        Assert.Equal(sent, Ids(choice.GetProperty("prompt_token_ids")));
        Assert.Equal("yes", ChatStreams.Format.Tokenizer.Decode(Ids(choice.GetProperty("token_ids")).AsSpan()[..^1]));
        Assert.Equal(("mine", "stop", ChatStreams.Format.EndOfTurnId), (answer.GetProperty("id").GetString(), choice.GetProperty("finish_reason").GetString(), choice.GetProperty("matched_stop").GetInt32()));
        Assert.Equal(ulong.MaxValue, gateway.Engine.Requests.Single().Seed);

        JsonElement again = await AnswerAsync(gateway, "/v1/chat/completions", $$"""{"input_ids": [{{string.Join(',', sent)}}]}""");
        Assert.Equal("yes", again.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal(sent, gateway.Engine.Requests.Last().Tokens.ToArray());
    }

    [Fact]
    public async Task Sampling_values_reach_the_engine_and_the_budget_is_the_context_where_none_is_given()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        await AnswerAsync(gateway, "/v1/chat/completions", $$"""
            {"messages": {{Question}}, "temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.1, "frequency_penalty": 0.2, "presence_penalty": 0.3, "repetition_penalty": 1.1,
             "logit_bias": {"5": -100}, "min_tokens": 1, "stop_token_ids": [7], "priority": 3, "user": "somebody", "store": true, "service_tier": "auto"}
            """);
        GenerationRequest request = gateway.Engine.Requests.Single();
        Assert.Equal((0.5f, 0, 0.9f, 0.1f), (request.Sampling.Temperature, request.Sampling.TopK, request.Sampling.TopP, request.Sampling.MinP));
        Assert.Equal((0.2f, 0.3f, 1.1f, 1), (request.Sampling.FrequencyPenalty, request.Sampling.PresencePenalty, request.Sampling.RepetitionPenalty, request.Sampling.MinNewTokens));
        Assert.Equal((-100f, 3, 4_096), (request.Sampling.LogitBias![5], request.Priority, request.Tokens.Length + request.MaxNewTokens));
        Assert.Contains(7, request.StopTokenIds);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "{}", "'messages' is empty")]
    [InlineData("/v1/chat/completions", "[]", "must be a JSON object")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "\ud800"}]}""", "no Unicode")]
    [InlineData("/v1/chat/completions", """{"messages": "x"}""", "'messages' is \"x\"; it must be a list.")]
    [InlineData("/v1/chat/completions", """{"messages": [1]}""", "'messages[0]' is 1; it must be an object.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"content": "x"}]}""", "'messages[0]' has no 'role'.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "robot", "content": "x"}]}""", "it must be system, developer, user, assistant or tool.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}""", "'messages[0].content[0]' has type 'image_url'")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}]}""", "must be the text of a JSON object.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "tools": [{}]}""", "'tools[0]' must be an object of type 'function'")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}""", "it must be auto or none")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "n": 0}""", "'n' is 0; it must be 1 to 128.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "n": 1e99}""", "'n' is 1e99; it must be an integer.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "temperature": -1}""", "temperature")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "max_tokens": -1}""", "-1")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "stop": [""]}""", "empty stop text")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "stream": "yes"}""", "'stream' is \"yes\"; it must be true or false.")]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "guided_json": {"a": 1}}""", "'guided_json' is not supported")]
    [InlineData("/v1/chat/completions", """{"input_ids": []}""", "no tokens")]
    [InlineData("/v1/chat/completions", """{"input_ids": [99999999]}""", "99999999")]
    [InlineData("/v1/completions", "{}", "no 'prompt'")]
    [InlineData("/v1/completions", """{"prompt": []}""", "'prompt' must be a text")]
    [InlineData("/v1/completions", """{"prompt": [[1], "x", null]}""", "it must be a text.")]
    [InlineData("/v1/completions", """{"prompt": "x", "echo": true}""", "'echo' is not supported")]
    [InlineData("/v1/completions", """{"prompt": "x", "n": 2, "best_of": 3}""", "'best_of' is 3 and 'n' 2")]
    [InlineData("/v1/completions", "{", "not JSON at line 1")]
    public async Task What_cannot_be_honoured_is_refused_in_one_sentence(string path, string body, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await PostAsync(gateway, path, body);
        JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_request_error"), (response.StatusCode, error.GetProperty("type").GetString()));
        Assert.Contains(expected, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, gateway.Engine.Running);
    }

    [Fact]
    public async Task Access_size_and_the_engine_refuse_in_the_protocols_form_too()
    {
        ApiKeyHash key = new() { Name = "agent", Sha256 = Convert.ToHexString(SHA256.HashData("secret"u8)) };
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [key], MaxRequestBytes = 1_024 });
        Assert.Equal((HttpStatusCode.Unauthorized, "unauthorized"), await ErrorAsync(gateway, "{}", key: null));
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "body_too_large"), await ErrorAsync(gateway, new string(' ', 2_000), "secret"));
        gateway.Engine.Model = gateway.Engine.Model with { ContextLength = 5 };
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_value"), await ErrorAsync(gateway, $$"""{"messages": {{Question}}}""", "secret"));
    }

    [Fact]
    public async Task A_prefix_and_the_name_of_any_model_are_settings()
    {
        ChatDialectSettings settings = new() { Prefix = "/openai", AnyModel = true };
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { Dialects = new DialectSettings { Openai = settings } });
        JsonElement answer = await AnswerAsync(gateway, "/openai/v1/chat/completions", $$"""{"messages": {{Question}}, "model": "gpt"}""");
        Assert.Equal("tiny", answer.GetProperty("model").GetString());
        using HttpResponseMessage response = await PostAsync(gateway, "/v1/chat/completions", $$"""{"messages": {{Question}}}""");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_call_samples_what_the_engine_samples_with_its_seed_to_the_bit()
    {
        await using LoadedModel model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        await using TestGateway gateway = await TestGateway.StartAsync(
            model.Policy, services => services.AddRolloutParts(_ => AgentRollout.Environments.Builtin.Lookup.LookupFacts.OpenIndex()));
        string body = $$"""{"messages": {{Question}}, "seed": 7, "n": 3, "max_tokens": 24, "logprobs": true, "top_logprobs": 2, "return_token_ids": true}""";
        JsonElement answer = await AnswerAsync(gateway, "/v1/chat/completions", body);
        JsonElement first = answer.GetProperty("choices")[0];
        GenerationRequest request = new()
        {
            Id = "again", Tokens = Ids(answer.GetProperty("prompt_token_ids")), MaxNewTokens = 24, Seed = 7, StopTokenIds = [.. model.Policy.Format.EndOfTurnIds, .. model.Engine.Model.StopTokenIds],
        };
        List<int> tokens = [];
        List<float> logprobs = [];
        await foreach (TokenChunk chunk in model.Engine.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            tokens.AddRange(chunk.Tokens.Span);
            logprobs.AddRange(chunk.Logprobs.Span);
        }

        JsonElement[] items = [.. first.GetProperty("logprobs").GetProperty("content").EnumerateArray()];
        Assert.Equal(tokens, Ids(first.GetProperty("token_ids")));
        Assert.Equal(logprobs, items.Select(item => item.GetProperty("logprob").GetSingle()));
        Assert.All(items, item => Assert.Equal(2, item.GetProperty("top_logprobs").GetArrayLength()));
        JsonElement again = await AnswerAsync(gateway, "/v1/chat/completions", body);
        Assert.Equal(Answers(answer), Answers(again));
        Assert.Equal(3, Answers(answer).Distinct().Count());

        static string[] Answers(JsonElement answer) => [.. answer.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("token_ids").GetRawText())];
    }

    [Fact]
    public async Task Streamed_completions_joined_are_the_whole_answers()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        const string rest = """ "prompt": ["slowly", "Is it so?"], "n": 2, "max_tokens": 90, "stop": "oooo!", "logprobs": 0, "return_token_ids": true""";
        JsonElement whole = await AnswerAsync(gateway, "/v1/completions", $"{{{rest}}}");
        using HttpResponseMessage response = await PostAsync(gateway, "/v1/completions", $$"""{"stream": true, "stream_options": {"include_usage": true}, {{rest}} }""");
        string[] lines = (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", lines[^1]);
        JsonElement[] pieces = [.. lines[..^1].Select(line => JsonElement.Parse(line["data: ".Length..]))];
        Assert.Equal(whole.GetProperty("usage").GetRawText(), pieces[^1].GetProperty("usage").GetRawText());
        foreach (JsonElement expected in whole.GetProperty("choices").EnumerateArray())
        {
            JsonElement[] own = [.. pieces[..^1].Select(piece => piece.GetProperty("choices")[0]).Where(piece => piece.GetProperty("index").GetInt32() == expected.GetProperty("index").GetInt32())];
            Assert.Equal(expected.GetProperty("text").GetString(), string.Concat(own.Select(piece => piece.GetProperty("text").GetString())));
            Assert.Equal(Ids(expected.GetProperty("token_ids")), own.SelectMany(piece => Ids(piece.GetProperty("token_ids"))));
            Assert.Equal(Ids(expected.GetProperty("logprobs").GetProperty("text_offset")), own.SelectMany(piece => Ids(piece.GetProperty("logprobs").GetProperty("text_offset"))));
            Assert.Equal(expected.GetProperty("finish_reason").GetString(), own[^1].GetProperty("finish_reason").GetString());
        }
    }

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    private static async Task<JsonElement> AnswerAsync(TestGateway gateway, string path, string body)
    {
        using HttpResponseMessage response = await PostAsync(gateway, path, body);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string path, string body) =>
        gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    private static async Task<(HttpStatusCode Status, string? Code)> ErrorAsync(TestGateway gateway, string body, string? key)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(body) };
        if (key is not null)
            request.Headers.Add("x-api-key", key);
        using HttpResponseMessage response = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
        JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return (response.StatusCode, error.GetProperty("error").GetProperty("code").GetString());
    }
}
