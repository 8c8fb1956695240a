using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

/// <summary>The central promise: tokens and log-probabilities of a sequence are the same bits, whatever happens around it.</summary>
public sealed class BatchInvarianceTests
{
    private static readonly SamplingParams[] Samplings =
        [new(), new(Temperature: 0), new(Temperature: 0.7f, TopP: 0.9f), new(Temperature: 1.2f, TopK: 20), new(MinP: 0.1f),
            new(TopK: 40) { RepetitionPenalty = 1.2f, FrequencyPenalty = 0.3f, PresencePenalty = 0.1f, MinNewTokens = 9 },
            new() { LogitBias = new Dictionary<int, float> { [5] = 3, [9] = -100 } }];

    [Theory]
    [InlineData("qwen3-bf16", 1, 1)]
    [InlineData("qwen3-bf16", 7, 2)]
    [InlineData("qwen3-bf16", 64, 1)]
    [InlineData("qwen3-bf16", 512, 2)]
    [InlineData("mistral-f16-odd", 7, 1)]
    [InlineData("llama-f32-sharded", 64, 2)]
    [InlineData("qwen2-bf16-yarn", 512, 1)]
    [InlineData("qwen3-bf16", 7, 2, KvCacheType.Int8)]
    [InlineData("mistral-f16-odd", 512, 1, KvCacheType.Int8)]
    [InlineData("qwen3-bf16", 7, 2, KvCacheType.Auto, WeightType.Bfloat16)]
    [InlineData("mistral-f16-odd", 512, 1, KvCacheType.Auto, WeightType.Bfloat16)]
    [InlineData("qwen3-bf16", 64, 2, KvCacheType.Auto, WeightType.Int8)]
    [InlineData("mistral-f16-odd", 7, 1, KvCacheType.Float16, WeightType.Int8)]
    public async Task A_sequence_gets_the_same_bits_in_any_batch_chunking_and_thread_count(
        string name, int maxBatchTokens, int threads, KvCacheType kvCacheType = KvCacheType.Auto, WeightType weightType = WeightType.Auto)
    {
        Fixture fixture = new(name);
        GenerationRequest[] requests = RandomRequests(fixture, count: 12, seed: 11);
        Generation[] alone = await RunAloneAsync(fixture, requests, kvCacheType, weightType);

        await using LocalEngine engine = Engines.Load(fixture, new EngineOptions
        {
            Threads = threads, MaxBatchTokens = maxBatchTokens, MaxRunningSequences = 9, KvCacheType = kvCacheType, WeightType = weightType,
        });
        Generation[] together = await Task.WhenAll(requests.Select(request => engine.RunAsync(request)));

        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData(KvCacheType.Auto)]
    [InlineData(KvCacheType.Int8)]
    public async Task A_preempted_sequence_goes_on_with_the_same_bits(KvCacheType kvCacheType)
    {
        Fixture fixture = new("qwen3-bf16");
        GenerationRequest[] requests = RandomRequests(fixture, count: 12, seed: 12);
        Generation[] alone = await RunAloneAsync(fixture, requests, kvCacheType);

        await using LocalEngine engine = Engines.WithPages(
            fixture, pageCount: 8, new EngineOptions { Threads = 1, MaxBatchTokens = 24, KvCacheType = kvCacheType });
        Generation[] together = await Task.WhenAll(requests.Select(request => engine.RunAsync(request)));

        Assert.InRange(engine.Statistics.Preemptions, 1, int.MaxValue);
        Assert.Equal(alone, together);
        Assert.Equal(0, engine.Statistics.PagesInUse);
    }

    [Theory]
    [InlineData("qwen3-f32", 512)]
    [InlineData("qwen3-bf16", 5)]
    [InlineData("mistral-f16-odd", 512)]
    public async Task Scoring_a_finished_sequence_gives_the_bits_that_generation_reported(string name, int maxBatchTokens)
    {
        Fixture fixture = new(name);
        await using LocalEngine engine = Engines.Load(fixture, maxBatchTokens: maxBatchTokens);
        foreach (GenerationRequest request in RandomRequests(fixture, count: 5, seed: 13))
        {
            Generation generation = await engine.RunAsync(request);
            int[] all = [.. request.Tokens.ToArray(), .. generation.Tokens];
            IReadOnlyList<ScoredToken> scores = await engine.ScoreAsync(
                new ScoreRequest { Tokens = all, Sampling = request.Sampling, Starts = [request.Tokens.Length], StopTokenIds = request.StopTokenIds },
                CancellationToken.None);

            Assert.Equal(all[1..], scores.Select(score => score.Token));
            ScoredToken[] sampled = [.. scores.Skip(request.Tokens.Length - 1)];
            Assert.Equal(Bits.Of(generation.Logprobs), Bits.Of(sampled.Select(score => score.Logprob)));
            Assert.Equal(Bits.Of(generation.SamplingLogprobs ?? generation.Logprobs), Bits.Of(sampled.Select(score => score.SamplingLogprob)));
        }
    }

    [Fact]
    public async Task Scoring_from_a_later_token_gives_the_end_of_the_whole_with_the_details_that_generation_reports()
    {
        Fixture fixture = new("qwen3-f32");
        await using LocalEngine engine = Engines.Load(fixture);
        GenerationRequest request = new() { Id = "a", Tokens = fixture.Prompt, MaxNewTokens = 20, TopLogprobs = 3, WatchedTokenIds = [9, 1], Seed = 4 };
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in engine.GenerateAsync(request, CancellationToken.None))
            chunks.Add(chunk);
        int[] all = [.. fixture.Prompt, .. chunks.SelectMany(chunk => chunk.Tokens.ToArray())];

        ScoreRequest score = new() { Tokens = all, From = fixture.Prompt.Length, TopLogprobs = 3, WatchedTokenIds = [9, 1] };
        IReadOnlyList<ScoredToken> scores = await engine.ScoreAsync(score, CancellationToken.None);

        Assert.Equal(all[fixture.Prompt.Length..], scores.Select(token => token.Token));
        Assert.Equal(chunks.SelectMany(chunk => chunk.TopLogprobs!.Value.ToArray()), scores.SelectMany(token => token.Top.ToArray()));
        Assert.Equal(chunks.SelectMany(chunk => chunk.WatchedLogprobs!.Value.ToArray()), scores.SelectMany(token => token.Watched.ToArray()));
        Assert.Empty(await engine.ScoreAsync(score with { From = all.Length }, CancellationToken.None));
        foreach (ScoreRequest wrong in (ScoreRequest[])[score with { From = 0 }, score with { TopLogprobs = 21 }, score with { WatchedTokenIds = [-1] }])
            await Assert.ThrowsAsync<EngineException>(() => engine.ScoreAsync(wrong, CancellationToken.None));
    }

    [Fact]
    public async Task Details_of_a_long_scored_text_are_the_same_however_many_threads_compute_its_rows_at_once()
    {
        Fixture fixture = new("qwen3-f32");
        int[] text = [.. Enumerable.Repeat(fixture.Prompt, 60 / fixture.Prompt.Length).SelectMany(tokens => tokens)];
        ScoreRequest score = new() { Tokens = text, TopLogprobs = 4, WatchedTokenIds = [3, 8] };
        List<(TokenLogprob[], float[])[]> runs = [];
        foreach (int threads in (int[])[1, 4, 4, 4])
        {
            await using LocalEngine engine = Engines.Load(fixture, new EngineOptions { Threads = threads });
            runs.Add([.. (await engine.ScoreAsync(score, CancellationToken.None)).Select(token => (token.Top.ToArray(), token.Watched.ToArray()))]);
        }

        foreach ((TokenLogprob[] Top, float[] Watched)[] run in runs)
        {
            Assert.Equal(runs[0].SelectMany(token => token.Item1), run.SelectMany(token => token.Top));
            Assert.Equal(runs[0].SelectMany(token => token.Item2), run.SelectMany(token => token.Watched));
            Assert.All(run, token => Assert.Equal(4, token.Top.Select(entry => entry.Token).Distinct().Count()));
        }
    }

    [Fact]
    public async Task The_last_chunk_says_how_much_of_the_prompt_was_found_computed()
    {
        Fixture fixture = new("qwen3-f32");
        await using LocalEngine engine = Engines.Load(fixture);
        GenerationRequest request = new() { Id = "a", Tokens = Enumerable.Repeat(fixture.Prompt, 4).SelectMany(ids => ids).ToArray(), MaxNewTokens = 3 };
        Assert.Equal(0, await CachedAsync(request));
        Assert.InRange((await CachedAsync(request))!.Value, request.Tokens.Length / 2, request.Tokens.Length - 1);

        async Task<int?> CachedAsync(GenerationRequest asked)
        {
            TokenChunk? last = null;
            await foreach (TokenChunk chunk in engine.GenerateAsync(asked, CancellationToken.None))
                last = chunk;
            return last!.CachedTokens;
        }
    }

    [Fact]
    public async Task A_continuation_resumes_the_noise_of_the_sequence_it_continues()
    {
        Fixture fixture = new("qwen3-bf16");
        await using LocalEngine engine = Engines.Load(fixture);
        GenerationRequest whole = new() { Id = "whole", Tokens = fixture.Prompt, MaxNewTokens = 40, Seed = 3 };
        Generation expected = await engine.RunAsync(whole);
        Generation head = await engine.RunAsync(whole with { MaxNewTokens = 17 });
        Generation tail = await engine.RunAsync(whole with { Tokens = (int[])[.. fixture.Prompt, .. head.Tokens], MaxNewTokens = 23 });
        Assert.Equal(expected.Tokens, [.. head.Tokens, .. tail.Tokens]);
        Assert.Equal(Bits.Of(expected.Logprobs), Bits.Of([.. head.Logprobs, .. tail.Logprobs]));
    }

    [Fact]
    public async Task Another_seed_gives_another_continuation()
    {
        Fixture fixture = new("qwen3-bf16");
        await using LocalEngine engine = Engines.Load(fixture);
        GenerationRequest request = new() { Id = "seed", Tokens = fixture.Prompt, MaxNewTokens = 30, Seed = 1 };
        Assert.NotEqual((await engine.RunAsync(request)).Tokens, (await engine.RunAsync(request with { Seed = 2 })).Tokens);
    }

    private static async Task<Generation[]> RunAloneAsync(
        Fixture fixture, GenerationRequest[] requests, KvCacheType kvCacheType, WeightType weightType = WeightType.Auto)
    {
        await using LocalEngine engine = Engines.Load(fixture, new EngineOptions { Threads = 1, PrefixCache = false, KvCacheType = kvCacheType, WeightType = weightType });
        List<Generation> generations = [];
        foreach (GenerationRequest request in requests)
            generations.Add(await engine.RunAsync(request));
        return [.. generations];
    }

    private static GenerationRequest[] RandomRequests(Fixture fixture, int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => new GenerationRequest
        {
            Id = $"request {i}",
            Tokens = Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(256)).ToArray(),
            MaxNewTokens = random.Next(1, 60),
            Seed = (ulong)random.NextInt64(),
            Sampling = Samplings[i % Samplings.Length],
            StopTokenIds = i % 3 == 0 ? [5, 6] : [],
        })];
    }
}
