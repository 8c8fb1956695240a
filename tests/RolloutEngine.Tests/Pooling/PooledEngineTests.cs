using System.Text.Json;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Pooling;

/// <summary>Embedding models and classifiers against a float64 forward pass that shares no code with them (<c>make_pooling_fixtures.py</c>).</summary>
public sealed class PooledEngineTests
{
    public static TheoryData<string> Models { get; } =
    [
        "pooled-bert-mean", "pooled-bert-classifier", "pooled-roberta-cls", "pooled-roberta-classifier", "pooled-qwen3-last", "pooled-llama-mean",
        "pooled-qwen2-reward",
    ];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Vectors_are_those_of_the_float64_oracle(string name)
    {
        await using PooledEngine engine = Load(name);
        double difference = 0, magnitude = 0;
        foreach (Expected expected in Read(name))
        {
            float[] actual = await RunAsync(engine, expected);

            Assert.Equal(expected.Vector.Length, actual.Length);
            difference += expected.Vector.Zip(actual, (e, a) => (e - a) * (e - a)).Sum();
            magnitude += expected.Vector.Sum(e => e * e);
        }

        // Over all sequences: a single score may happen to be next to nothing.
        Assert.InRange(Math.Sqrt(difference / magnitude), 0, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task A_vector_is_the_same_bits_alone_and_in_any_batch_chunk_thread_count_and_width(string name)
    {
        Expected[] sequences = Read(name);
        float[][] alone = new float[sequences.Length][];
        await using (PooledEngine engine = Load(name))
        {
            for (int i = 0; i < sequences.Length; i++)
                alone[i] = await RunAsync(engine, sequences[i]);
        }

        foreach (KernelSet kernels in KernelSet.Supported)
        {
            await using PooledEngine engine = Load(name, threads: 2, maxBatchTokens: 7, kernels);
            float[][] together = await Task.WhenAll(sequences.Select(sequence => RunAsync(engine, sequence)));
            Assert.All(alone.Zip(together), pair => Assert.Equal(Bits.Of(pair.First), Bits.Of(pair.Second)));
        }
    }

    [Fact]
    public async Task The_folder_says_how_to_pool()
    {
        await using PooledEngine mean = Load("pooled-bert-mean"), last = Load("pooled-qwen3-last"), reward = Load("pooled-qwen2-reward");

        Assert.Equal((PoolingKind.Mean, true, 0), (mean.Model.Pooling, mean.Model.Normalize, mean.Model.Labels.Count));
        Assert.Equal((PoolingKind.LastToken, true, 0), (last.Model.Pooling, last.Model.Normalize, last.Model.Labels.Count));
        Assert.Equal((PoolingKind.LastToken, false, 1), (reward.Model.Pooling, reward.Model.Normalize, reward.Model.Labels.Count));
    }

    [Fact]
    public async Task What_a_model_cannot_give_is_refused_by_name()
    {
        await using PooledEngine embedding = Load("pooled-bert-mean"), reward = Load("pooled-qwen2-reward");
        PooledRequest request = new() { Id = "r", Tokens = new[] { 1, 2 } };

        await RefusedAsync("without a classification head", () => embedding.ClassifyAsync(request, default));
        await RefusedAsync("it gives no embeddings", () => reward.EmbedAsync(request, default));
        await RefusedAsync("token id 120; ids of 'pooled-bert-mean' are 0 to 119", () => embedding.EmbedAsync(request with { Tokens = new[] { 120 } }, default));
        await RefusedAsync("has no tokens", () => embedding.EmbedAsync(request with { Tokens = default }, default));
        await RefusedAsync("has 67 tokens; 'pooled-bert-mean' takes at most 66", () => embedding.EmbedAsync(request with { Tokens = new int[67] }, default));
        await RefusedAsync("token type 2; those of 'pooled-bert-mean' are 0 to 1", () => embedding.EmbedAsync(request with { TokenTypes = new[] { 0, 2 } }, default));
    }

    [Fact]
    public async Task A_cancelled_request_leaves_the_others_alone()
    {
        await using PooledEngine engine = Load("pooled-bert-mean");
        Expected[] sequences = Read("pooled-bert-mean");
        using CancellationTokenSource cancelled = new();

        Task<float[]>[] all = [.. Enumerable.Range(0, 50).Select(i => engine.EmbedAsync(
            new PooledRequest { Id = $"{i}", Tokens = sequences[^1].Tokens }, i % 2 == 0 ? cancelled.Token : default))];
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(all));
        float[][] answered = await Task.WhenAll(all.Where((_, i) => i % 2 == 1));
        Assert.All(answered, vector => Assert.Equal(Bits.Of(answered[0]), Bits.Of(vector)));
    }

    [Fact]
    public void A_model_that_generates_needs_no_pooling_and_a_pooled_one_does_not_generate()
    {
        Assert.True(PooledEngine.IsPooled(Folder("pooled-bert-mean")));
        Assert.True(PooledEngine.IsPooled(Folder("pooled-qwen3-last")));
        Assert.False(PooledEngine.IsPooled(Folder("qwen3-f32")));
        EngineException refused = Assert.Throws<EngineException>(
            () => RolloutEngine.Local.LocalEngine.Load(Folder("pooled-qwen2-reward"), new EngineOptions(), NullLoggerFactory.Instance));
        Assert.Contains("architectures 'Qwen2ForSequenceClassification'", refused.Message, StringComparison.Ordinal);
    }

    private static async Task RefusedAsync(string reason, Func<Task> call) =>
        Assert.Contains(reason, (await Assert.ThrowsAsync<EngineException>(call)).Message, StringComparison.Ordinal);

    private static Task<float[]> RunAsync(PooledEngine engine, Expected expected)
    {
        PooledRequest request = new()
        {
            Id = "test",
            Tokens = expected.Tokens,
            TokenTypes = expected.TokenTypes.Any(type => type > 0) ? expected.TokenTypes : default(ReadOnlyMemory<int>),
        };
        return engine.Model.Labels.Count > 0 ? engine.ClassifyAsync(request, default) : engine.EmbedAsync(request, default);
    }

    private static PooledEngine Load(string name, int threads = 1, int maxBatchTokens = 512, KernelSet? kernels = null) => PooledEngine.Load(
        Folder(name), new EngineOptions { Threads = threads, MaxBatchTokens = maxBatchTokens, KvCacheType = KvCacheType.Float32 }, NullLoggerFactory.Instance, kernels ?? KernelSet.Widest);

    private static string Folder(string name) => SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", name);

    private static Expected[] Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder(name), "expected.json")));
        return [.. document.RootElement.EnumerateArray().Select(item => new Expected(
            [.. item.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32())],
            [.. item.GetProperty("token_types").EnumerateArray().Select(type => type.GetInt32())],
            [.. item.GetProperty("vector").EnumerateArray().Select(value => value.GetDouble())]))];
    }

    private sealed record Expected(int[] Tokens, int[] TokenTypes, double[] Vector);
}
