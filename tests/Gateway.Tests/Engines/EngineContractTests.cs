using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>
/// What every engine does that computes with this project's kernels, wherever it does so: the tokens and log-probabilities of the embedded engine, to
/// the bit, and its control. Derive with a fixture for another way to the kernels.
/// </summary>
public abstract class EngineContractTests(EngineFixture fixture)
{
    private const int Long = 400;

    private static readonly int[] _prompt = [.. Enumerable.Range(40, 24)];
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private static readonly SamplingParams[] _samplings =
    [
        SamplingParams.Default,
        new(Temperature: 0),
        new(Temperature: 0.7f),
        new(Temperature: 1.3f, TopK: 40),
        new(TopP: 0.9f),
        new(Temperature: 0.9f, TopK: 60, TopP: 0.95f, MinP: 0.02f),
        new(MinP: 0.05f),
        new() { RepetitionPenalty = 1.2f, FrequencyPenalty = 0.4f, PresencePenalty = 0.3f },
        new() { LogitBias = new Dictionary<int, float> { [50] = 3.5f, [60] = -100 }, MinNewTokens = 5 },
        new(Temperature: 0) { RepetitionPenalty = 1.1f },
    ];

    private IEngineNode Engine => fixture.Engine;

    private static GenerationRequest Request => new() { Id = "contract", Tokens = _prompt, MaxNewTokens = 24, Seed = 7 };

    [Fact]
    public async Task The_same_seed_gives_the_same_tokens_and_log_probabilities_to_the_bit()
    {
        for (int i = 0; i < _samplings.Length; i++)
            await AssertSameAsync(Request with { Sampling = _samplings[i], Seed = (ulong)i });
        await AssertSameAsync(Request with { Seed = ulong.MaxValue - 5 });
        Assert.NotEqual(await SampleAsync(Engine, Request), await SampleAsync(Engine, Request with { Seed = 8 }));
    }

    [Fact]
    public async Task Given_tokens_have_the_log_probabilities_of_the_embedded_engine_to_the_bit()
    {
        IReadOnlyList<ScoredToken> expected = await fixture.Reference.ScoreAsync(new ScoreRequest { Tokens = _prompt }, CancellationToken.None);
        if (Engine is not ITokenScorer scorer)
        {
            Assert.IsType<LocalEngine>(Engine);
            return;
        }

        TokenScores scores = await scorer.ScoreAsync(_prompt, CancellationToken.None);
        Assert.Equal(expected.Select(token => token.Logprob), scores.Logprobs);
        Assert.Equal(Engine.Model.WeightVersion, scores.WeightVersion);
    }

    [Fact]
    public async Task Requests_of_many_callers_do_not_mix()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 24).Select(i =>
            Request with { Id = $"r{i}", Tokens = _prompt.AsMemory(0, 1 + (i % _prompt.Length)), MaxNewTokens = 1 + i, Seed = (ulong)i, Sampling = _samplings[i % _samplings.Length] })];
        Sampled[] sampled = await Task.WhenAll(requests.Select(request => SampleAsync(Engine, request)));
        Sampled[] expected = await Task.WhenAll(requests.Select(request => SampleAsync(fixture.Reference, request)));
        Assert.Equal(expected, sampled);
    }

    [Fact]
    public async Task Stop_tokens_stop_sequences_and_the_budget_end_a_generation_where_they_do_in_the_embedded_engine()
    {
        int[] tokens = [.. (await SampleAsync(fixture.Reference, Request)).Tokens];
        Assert.Equal(FinishReason.Stop, await AssertSameAsync(Request with { StopTokenIds = [tokens[6]] }));
        Assert.Equal(FinishReason.Stop, await AssertSameAsync(Request with { StopSequences = [[tokens[4], tokens[5]], [tokens[9]]] }));
        Assert.Equal(FinishReason.Stop, await AssertSameAsync(Request with { MaxNewTokens = 1, StopTokenIds = [tokens[0]] }));
        Assert.Equal(FinishReason.Length, await AssertSameAsync(Request with { MaxNewTokens = 1 }));

        // Without stop tokens the model's own do not end it either.
        int own = Engine.Model.StopTokenIds[0];
        SamplingParams eager = new() { LogitBias = new Dictionary<int, float> { [own] = 100 } };
        Assert.Equal(FinishReason.Length, await AssertSameAsync(Request with { MaxNewTokens = 6, Sampling = eager }));
        Assert.Equal(FinishReason.Stop, await AssertSameAsync(Request with { MaxNewTokens = 6, Sampling = eager, StopTokenIds = [own] }));
    }

    [Fact]
    public async Task What_was_sampled_before_counts_as_if_it_had_been_sampled_here()
    {
        SamplingParams sampling = new() { FrequencyPenalty = 0.8f, PresencePenalty = 0.5f, MinNewTokens = 12, LogitBias = new Dictionary<int, float> { [50] = 6 } };
        GenerationRequest whole = Request with { Sampling = sampling, StopTokenIds = [50], StopSequences = [[60, 61, 62]] };
        int[] tokens = [.. (await SampleAsync(fixture.Reference, whole)).Tokens];
        Assert.InRange(tokens.Length, 12, whole.MaxNewTokens);
        foreach (int done in (int[])[1, 5, 9])
        {
            GenerationRequest rest = whole with
            {
                Tokens = (int[])[.. _prompt, .. tokens[..done]], MaxNewTokens = whole.MaxNewTokens - done, SampledBefore = done,
                StopSequences = [[tokens[done - 1], tokens[done]], [60, 61, 62]],
            };
            await AssertSameAsync(rest);
            Assert.Equal(tokens[done..], (await SampleAsync(Engine, rest with { StopSequences = whole.StopSequences })).Tokens);
        }
    }

    [Fact]
    public async Task The_likeliest_tokens_are_those_of_the_embedded_engine()
    {
        await AssertSameAsync(Request with { TopLogprobs = 5 });
        if (!fixture.TellsUnfiltered)
            return;
        foreach (SamplingParams sampling in _samplings)
            await AssertSameAsync(Request with { TopLogprobs = 3, ReturnUnfilteredLogprobs = true, Sampling = sampling });
    }

    [Fact]
    public async Task Watched_and_kept_tokens_are_those_of_the_embedded_engine()
    {
        GenerationRequest watched = Request with { WatchedTokenIds = [3, 50, 7] };
        GenerationRequest kept = Request with { ReturnKeptTokens = true, Sampling = new SamplingParams(Temperature: 0.8f, TopK: 7) };
        if (fixture.TellsWatchedAndKept)
        {
            await AssertSameAsync(watched);
            await AssertSameAsync(kept);
        }
        else
        {
            // What a protocol has no room for is null, and never something else.
            await foreach (TokenChunk chunk in Engine.GenerateAsync(watched, TestContext.Current.CancellationToken))
                Assert.Null(chunk.WatchedLogprobs);
            await foreach (TokenChunk chunk in Engine.GenerateAsync(kept, TestContext.Current.CancellationToken))
                Assert.Null(chunk.KeptTokens);
        }

        await AssertSameAsync(Request with { ReturnKeptTokens = true });
    }

    [Fact]
    public async Task The_last_chunk_and_only_it_tells_why_it_ended()
    {
        List<TokenChunk> chunks = await Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync();
        Assert.All(chunks.SkipLast(1), chunk => Assert.True(chunk.Finish is null && chunk.Timings is null && chunk.Tokens.Length > 0));
        Assert.Equal(FinishReason.Length, chunks[^1].Finish);
        Assert.All(chunks, chunk => Assert.Equal((Engine.Model.WeightVersion, MissingLogprobs.None), (chunk.WeightVersion, chunk.Missing)));
        if (fixture.TellsTimings)
            Assert.True(chunks[^1].Timings is { } timings && timings.Queue >= TimeSpan.Zero && timings.Decode >= TimeSpan.Zero);
    }

    [Fact]
    public async Task Cancelling_and_leaving_free_the_sequence()
    {
        using CancellationTokenSource cancellation = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (TokenChunk _ in Engine.GenerateAsync(Request with { MaxNewTokens = Long }, cancellation.Token))
                await cancellation.CancelAsync();
            // All of it may have come at once.
            cancellation.Token.ThrowIfCancellationRequested();
        });
        await AssertIdleAsync();
        await foreach (TokenChunk _ in Engine.GenerateAsync(Request with { MaxNewTokens = Long }, CancellationToken.None))
            break;
        await AssertIdleAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SampleAsync(Engine, Request, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_deadline_ends_a_generation_with_what_there_is()
    {
        Assert.Equal(FinishReason.Deadline, (await SampleAsync(Engine, Request with { Deadline = DateTimeOffset.UtcNow.AddSeconds(-1) })).Finish);
        await Engine.PauseAsync();
        try
        {
            Sampled sampled = await SampleAsync(Engine, Request with { Deadline = DateTimeOffset.UtcNow.AddMilliseconds(200) });
            Assert.Equal((FinishReason.Deadline, 0), (sampled.Finish, sampled.Tokens.Count));
        }
        finally
        {
            await Engine.ResumeAsync();
        }

        await AssertIdleAsync();
        Assert.Equal(FinishReason.Length, (await SampleAsync(Engine, Request with { Deadline = DateTimeOffset.UtcNow.AddHours(1) })).Finish);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pause_holds_generations_and_changes_nothing_of_them(bool retracts)
    {
        GenerationRequest request = Request with { MaxNewTokens = Long };
        Task<Sampled> running = SampleAsync(Engine, request);
        await Engine.PauseAsync(retracts);
        Assert.True(Engine.IsPaused);
        Task<Sampled> late = SampleAsync(Engine, request with { Seed = 9 });
        if (retracts)
            await Engine.FlushCacheAsync();
        await Engine.ResumeAsync();
        Assert.False(Engine.IsPaused);
        Assert.Equal(await SampleAsync(fixture.Reference, request), await running);
        Assert.Equal(await SampleAsync(fixture.Reference, request with { Seed = 9 }), await late);
    }

    [Fact]
    public async Task An_interrupted_generation_gives_what_it_has_where_it_asks_for_that()
    {
        // The engine is quick: it may have ended before it is interrupted.
        for (int i = 0; i < 50; i++)
        {
            GenerationRequest request = Request with { MaxNewTokens = Long, OnInterrupt = InterruptPolicy.ReturnPartial };
            await using IAsyncEnumerator<TokenChunk> chunks = Engine.GenerateAsync(request, CancellationToken.None).GetAsyncEnumerator();
            Assert.True(await chunks.MoveNextAsync());
            List<int> tokens = [.. chunks.Current.Tokens.Span];
            await Engine.ReleaseMemoryAsync(EngineMemory.KvCache);
            await Engine.ResumeMemoryAsync(EngineMemory.KvCache, CancellationToken.None);
            FinishReason? finish = chunks.Current.Finish;
            while (finish is null && await chunks.MoveNextAsync())
            {
                tokens.AddRange(chunks.Current.Tokens.Span);
                finish = chunks.Current.Finish;
            }

            Assert.Equal((await SampleAsync(fixture.Reference, request)).Tokens.Take(tokens.Count), tokens);
            if (finish == FinishReason.Interrupted)
                return;
            Assert.Equal(FinishReason.Length, finish);
        }

        Assert.Fail("No generation was interrupted.");
    }

    [Fact]
    public async Task Memory_that_was_lent_comes_back_with_the_weights_that_were_in_it()
    {
        await Engine.ReleaseMemoryAsync(EngineMemory.All);
        await Engine.ResumeMemoryAsync(EngineMemory.Weights, CancellationToken.None);
        await Engine.ResumeMemoryAsync(EngineMemory.KvCache, CancellationToken.None);
        await AssertSameAsync(Request);
    }

    [Fact]
    public async Task Weights_from_a_folder_are_in_use_at_once_with_their_version_and_can_be_changed_back()
    {
        string changed = EngineFixture.SaveOtherWeights();
        long version = Engine.Model.WeightVersion;
        Sampled before = await SampleAsync(Engine, Request);
        foreach ((string path, RunningSequences running) in ((string, RunningSequences)[])[(changed, RunningSequences.Finish), (ModelFolder.Find(null), RunningSequences.Continue)])
        {
            WeightUpdate update = new() { Path = path, Version = version += 3, Running = running };
            Assert.Equal(version, (await Engine.UpdateWeightsAsync(update, CancellationToken.None)).WeightVersion);
            await fixture.Reference.UpdateWeightsAsync(update, CancellationToken.None);
            Assert.Equal((version, version), (Engine.Model.WeightVersion, (await Engine.ProbeAsync(CancellationToken.None)).WeightVersion));
            await AssertSameAsync(Request);
            Assert.All(await Engine.GenerateAsync(Request, CancellationToken.None).ToListAsync(), chunk => Assert.Equal(version, chunk.WeightVersion));
            Assert.Equal(path == changed, before.Tokens.SequenceEqual((await SampleAsync(Engine, Request)).Tokens) is false);
        }

        string nowhere = Path.Combine(Path.GetTempPath(), "agentrollout-nowhere");
        EngineException refused = await Assert.ThrowsAsync<EngineException>(() => Engine.UpdateWeightsAsync(new WeightUpdate { Path = nowhere }, CancellationToken.None));
        Assert.Contains(nowhere, refused.Message, StringComparison.Ordinal);
        Assert.False(refused.IsLost);
        Assert.Equal(version, Engine.Model.WeightVersion);
    }

    [Fact]
    public async Task An_update_that_does_not_wait_leaves_a_seam_in_what_runs()
    {
        for (int i = 0; i < 50; i++)
        {
            long version = Engine.Model.WeightVersion;
            await using IAsyncEnumerator<TokenChunk> chunks = Engine.GenerateAsync(Request with { MaxNewTokens = Long }, CancellationToken.None).GetAsyncEnumerator();
            Assert.True(await chunks.MoveNextAsync());
            List<long> versions = [chunks.Current.WeightVersion];
            WeightUpdate update = new() { Path = ModelFolder.Find(null), Running = RunningSequences.Continue };
            await Engine.UpdateWeightsAsync(update, CancellationToken.None);
            await fixture.Reference.UpdateWeightsAsync(update, CancellationToken.None);
            while (chunks.Current.Finish is null && await chunks.MoveNextAsync())
                versions.Add(chunks.Current.WeightVersion);
            Assert.Equal(version + 1, Engine.Model.WeightVersion);
            if (versions.Distinct().ToArray() is [var first, var second])
            {
                Assert.Equal((version, version + 1), (first, second));
                return;
            }
        }

        Assert.Fail("No generation lived through an update.");
    }

    [Fact]
    public async Task A_probe_tells_load_and_version()
    {
        await AssertIdleAsync();
        EngineLoad load = await Engine.ProbeAsync(CancellationToken.None);
        Assert.Equal((Engine.Model.WeightVersion, 0, 0), (load.WeightVersion, load.Running, load.Waiting));
        Assert.Equal(0, load.PagesInUse);
    }

    [Fact]
    public async Task What_cannot_be_honoured_is_refused_with_the_value_and_leaves_nothing_behind()
    {
        EngineModel model = Engine.Model;
        Assert.Equal(
            (fixture.Reference.Model.Name, fixture.Reference.Model.VocabularySize, fixture.Reference.Model.ContextLength),
            (model.Name, model.VocabularySize, model.ContextLength));
        Assert.Equal(fixture.Reference.Model.StopTokenIds, model.StopTokenIds);
        (GenerationRequest Request, string Part)[] wrong =
        [
            (Request with { Tokens = Array.Empty<int>() }, "no tokens"),
            (Request with { Tokens = (int[])[0, model.VocabularySize] }, $"token id {model.VocabularySize}"),
            (Request with { MaxNewTokens = model.ContextLength }, $"context length {model.ContextLength}"),
            (Request with { Sampling = new SamplingParams(Temperature: -1) }, "temperature -1"),
            (Request with { TopLogprobs = 21 }, "21 top log-probabilities"),
        ];
        foreach ((GenerationRequest request, string part) in wrong)
        {
            EngineException refused = await Assert.ThrowsAsync<EngineException>(() => SampleAsync(Engine, request));
            Assert.Contains(part, refused.Message, StringComparison.Ordinal);
            Assert.False(refused.IsLost);
        }

        await AssertIdleAsync();
    }

    /// <summary>What comes is what the embedded engine gives; tells how it ended.</summary>
    private async Task<FinishReason> AssertSameAsync(GenerationRequest request)
    {
        Sampled expected = await SampleAsync(fixture.Reference, request);
        Assert.Equal(expected, await SampleAsync(Engine, request));
        return expected.Finish;
    }

    private async Task AssertIdleAsync()
    {
        using CancellationTokenSource patience = new(_patience);
        while (fixture.Nodes.Any(node => node.Statistics is not { PagesInUse: 0, Running: 0, Waiting: 0 }))
            await Task.Delay(5, patience.Token);
    }

    private static async Task<Sampled> SampleAsync(ITokenEngine engine, GenerationRequest request, CancellationToken cancellationToken = default) =>
        Sampled.Of(await engine.GenerateAsync(request, cancellationToken).ToListAsync(CancellationToken.None));
}
