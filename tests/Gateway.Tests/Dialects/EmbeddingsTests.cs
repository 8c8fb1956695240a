using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Dialects.OpenAi.Embeddings;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

public sealed class EmbeddingsTests : IAsyncLifetime
{
    private static readonly EngineOptions Options = new() { Threads = 1 };
    private readonly string _folder = Directory.CreateTempSubdirectory("embedding-").FullName;
    private EmbeddingModel _model = null!;
    private TestGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        string engine = SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", "pooled-qwen2-reward");
        string tokenizer = SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer");
        foreach (string file in Directory.GetFiles(engine).Concat(Directory.GetFiles(tokenizer)))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        Configure(config => config.Replace("Qwen2ForSequenceClassification", "Qwen2Model", StringComparison.Ordinal));
        DropHead(Path.Combine(_folder, "model.safetensors"));
        _model = EmbeddingModel.Load(_folder, Options, NullLoggerFactory.Instance);
        _gateway = await StartAsync(_model);
    }

    [Fact]
    public async Task Texts_and_token_ids_give_the_engines_vectors_as_numbers_and_as_bytes()
    {
        int[] first = _model.Tokenizer.EncodeWithSpecialTokens("Is it so?"), second = _model.Tokenizer.EncodeWithSpecialTokens("no");
        JsonElement texts = await AnswerAsync("""{"input": ["Is it so?", "no"], "model": "default", "user": "somebody"}""");
        JsonElement ids = await AnswerAsync($$"""{"input": [[{{string.Join(',', first)}}], [{{string.Join(',', second)}}]], "encoding_format": "base64"}""");
        await using PooledEngine engine = PooledEngine.Load(_folder, Options, NullLoggerFactory.Instance);
        JsonElement[] data = [.. texts.GetProperty("data").EnumerateArray()];
        foreach ((int[] tokens, int index) in new[] { (first, 0), (second, 1) })
        {
            float[] expected = await engine.EmbedAsync(new PooledRequest { Id = "r", Tokens = tokens }, TestContext.Current.CancellationToken);
            Assert.Equal((index, "embedding"), (data[index].GetProperty("index").GetInt32(), data[index].GetProperty("object").GetString()));
            Assert.Equal(expected, DialectClient.Numbers(data[index].GetProperty("embedding").EnumerateArray()));
            byte[] bytes = Convert.FromBase64String(ids.GetProperty("data")[index].GetProperty("embedding").GetString()!);
            Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        }

        int count = first.Length + second.Length;
        Assert.Equal((count, count), (texts.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), texts.GetProperty("usage").GetProperty("total_tokens").GetInt32()));
        Assert.Equal(("list", _model.Name), (texts.GetProperty("object").GetString(), texts.GetProperty("model").GetString()));
        JsonElement alone = await AnswerAsync($$"""{"input": [{{string.Join(',', second)}}]}""");
        Assert.Equal(data[1].GetProperty("embedding").GetRawText(), alone.GetProperty("data")[0].GetProperty("embedding").GetRawText());
    }

    [Theory]
    [InlineData("{}", "no 'input'")]
    [InlineData("""{"input": []}""", "'input' has 0 texts")]
    [InlineData("""{"input": ""}""", "'input' has 0 tokens")]
    [InlineData("""{"input": [[]]}""", "'input[0]' has 0 tokens")]
    [InlineData("""{"input": ["a", 4]}""", "'input[1]' is 4; it must be a text.")]
    [InlineData("""{"input": [1, "a"]}""", "'input' is \"a\"; it must be an integer.")]
    [InlineData("""{"input": [999999]}""", "999999")]
    [InlineData("""{"input": "a", "encoding_format": "int8"}""", "known formats: float, base64")]
    [InlineData("""{"input": "a", "dimensions": 3}""", "it was not trained to be cut")]
    public async Task What_cannot_be_embedded_is_refused_in_one_sentence(string body, string expected)
    {
        (HttpStatusCode status, JsonElement answer) = await SendAsync(_gateway, body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, answer.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Vectors_of_a_model_that_was_trained_for_it_can_be_cut_and_have_length_1_again()
    {
        Configure(config => config.Insert(config.IndexOf('{', StringComparison.Ordinal) + 1, "\"is_matryoshka\": true,"));
        await using EmbeddingModel model = EmbeddingModel.Load(_folder, Options, NullLoggerFactory.Instance);
        await using TestGateway gateway = await StartAsync(model);
        (_, JsonElement whole) = await SendAsync(gateway, """{"input": "Is it so?"}""");
        (_, JsonElement cut) = await SendAsync(gateway, """{"input": "Is it so?", "dimensions": 5}""");
        float[] all = Vector(whole), five = Vector(cut);
        double length = Math.Sqrt(all[..5].Sum(x => (double)x * x));
        Assert.Equal(all[..5].Select(x => (float)(x / length)), five);
        (HttpStatusCode status, _) = await SendAsync(gateway, """{"input": "a", "dimensions": 0}""");
        Assert.Equal(HttpStatusCode.BadRequest, status);

        static float[] Vector(JsonElement answer) => DialectClient.Numbers(answer.GetProperty("data")[0].GetProperty("embedding").EnumerateArray());
    }

    [Fact]
    public async Task The_model_is_listed_and_without_one_the_call_says_how_to_have_one()
    {
        JsonElement models = await _gateway.GetAsync("/v1/models");
        Assert.Equal(["tiny", _model.Name], models.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!));
        Assert.Equal(_model.Name, (await _gateway.GetAsync($"/v1/models/{_model.Name}")).GetProperty("id").GetString());
        (HttpStatusCode unknown, _) = await SendAsync(_gateway, """{"input": "a", "model": "tiny"}""");
        Assert.Equal(HttpStatusCode.NotFound, unknown);
        await using TestGateway without = await TestGateway.StartAsync();
        (HttpStatusCode status, JsonElement answer) = await SendAsync(without, """{"input": "a"}""");
        Assert.Equal((HttpStatusCode.BadRequest, "not_configured"), (status, answer.GetProperty("error").GetProperty("code").GetString()));
    }

    [Fact]
    public void A_classifier_is_no_embedding_model()
    {
        Configure(config => config.Replace("Qwen2Model", "Qwen2ForSequenceClassification", StringComparison.Ordinal));
        Assert.Throws<EngineException>(() => EmbeddingModel.Load(_folder, Options, NullLoggerFactory.Instance));
    }

    [Fact]
    public async Task OpenAIs_own_client_gets_what_it_expects()
    {
        ApiKeyHash key = new() { Name = "agent", Sha256 = Convert.ToHexString(SHA256.HashData("secret"u8)) };
        await using TestGateway gateway = await StartAsync(_model, new GatewayOptions { ApiKeys = [key] });
        await TestNpmClients.CheckAsync("openai.mjs", gateway.Client.BaseAddress!.ToString(), "embeddings");
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _model.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static Task<TestGateway> StartAsync(EmbeddingModel model, GatewayOptions? options = null) =>
        TestGateway.StartAsync(options, configure: services => services.AddSingleton(model));

    /// <summary>Takes the tensor of the classifier out of the file.</summary>
    private static void DropHead(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonObject kept = [];
        List<byte> data = [];
        foreach ((string name, JsonNode? tensor) in JsonNode.Parse(file.AsSpan(8, length))!.AsObject())
        {
            if (name is "score.weight" or "__metadata__")
                continue;
            JsonArray offsets = tensor!["data_offsets"]!.AsArray();
            (int start, int end) = ((int)offsets[0]!, (int)offsets[1]!);
            JsonNode copy = tensor.DeepClone();
            copy["data_offsets"] = new JsonArray(data.Count, data.Count + end - start);
            data.AddRange(file[(8 + length + start)..(8 + length + end)]);
            kept[name] = copy;
        }

        byte[] header = Encoding.UTF8.GetBytes(kept.ToJsonString());
        byte[] size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, header.Length);
        File.WriteAllBytes(path, [.. size, .. header, .. data]);
    }

    private void Configure(Func<string, string> change)
    {
        string path = Path.Combine(_folder, "config.json");
        File.WriteAllText(path, change(File.ReadAllText(path)));
    }

    private async Task<JsonElement> AnswerAsync(string body)
    {
        (HttpStatusCode status, JsonElement answer) = await SendAsync(_gateway, body);
        Assert.True(status == HttpStatusCode.OK, answer.GetRawText());
        return answer;
    }

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> SendAsync(TestGateway gateway, string body)
    {
        using HttpResponseMessage response = await gateway.Client.PostAsync(
            "/v1/embeddings", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        return (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
    }
}
