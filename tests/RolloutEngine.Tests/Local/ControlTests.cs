using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

/// <summary>Pausing, lending memory, and changing weights under running sequences.</summary>
public sealed class ControlTests : IDisposable
{
    private static readonly Fixture Model = new("qwen3-f32");
    private readonly string _otherWeights = Directory.CreateTempSubdirectory("weights").FullName;

    public ControlTests()
    {
        foreach (string file in Directory.EnumerateFiles(Model.Folder))
            File.Copy(file, Path.Combine(_otherWeights, Path.GetFileName(file)));
        // One changed number, the last of the file, makes other weights.
        string weights = Directory.EnumerateFiles(_otherWeights, "*.safetensors").Order().Last();
        byte[] bytes = File.ReadAllBytes(weights);
        BitConverter.TryWriteBytes(bytes.AsSpan(^4), 5f);
        File.WriteAllBytes(weights, bytes);
    }

    [Fact]
    public async Task A_pause_that_retracts_frees_all_pages_and_changes_no_token()
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate);
        (Generation expected, _) = await ExpectedAsync();
        Task<Spans> generating = ReadAsync(engine, Request);
        await PauseMidwayAsync(engine, gate);
        Assert.True(engine is { IsPaused: true, Statistics.PagesInUse: > 0 });

        await engine.PauseAsync(retract: true);
        Assert.Equal((0, 1), (engine.Statistics.PagesInUse, engine.Statistics.Waiting));
        await engine.FlushCacheAsync();
        Assert.Equal(0, engine.Statistics.PagesCached);
        await engine.ResumeAsync();

        Assert.Equal(expected.Tokens, (await generating).Tokens);
        Assert.False(engine.IsPaused);
    }

    [Theory]
    [InlineData(RunningSequences.Finish, KvCachePolicy.Flush)]
    [InlineData(RunningSequences.Continue, KvCachePolicy.Flush)]
    [InlineData(RunningSequences.Continue, KvCachePolicy.Keep)]
    [InlineData(RunningSequences.Abort, KvCachePolicy.Flush)]
    public async Task An_update_does_to_running_sequences_what_it_says(RunningSequences running, KvCachePolicy kvCache)
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate);
        (Generation old, Generation updated) = await ExpectedAsync();
        Task<Spans> generating = ReadAsync(engine, Request with { OnInterrupt = InterruptPolicy.ReturnPartial });
        await PauseMidwayAsync(engine, gate);
        if (running == RunningSequences.Finish)
            await engine.ResumeAsync();
        WeightUpdateResult result = await engine.UpdateWeightsAsync(
            new WeightUpdate { Path = _otherWeights, Running = running, KvCache = kvCache }, CancellationToken.None);
        await engine.ResumeAsync();

        Spans spans = await generating;
        Assert.Equal((1, 1), (result.WeightVersion, engine.Model.WeightVersion));
        int before = spans.CountOf(version: 0);
        Assert.Equal(old.Tokens.Take(before), spans.Tokens.Take(before));
        switch (running)
        {
            case RunningSequences.Finish:
                Assert.Equal((Request.MaxNewTokens, FinishReason.Length), (before, spans.Finish));
                break;
            case RunningSequences.Continue:
                Assert.Equal((Request.MaxNewTokens, FinishReason.Length), (before + spans.CountOf(version: 1), spans.Finish));
                Assert.InRange(spans.CountOf(version: 1), 1, Request.MaxNewTokens - 1);
                break;
            default:
                Assert.Equal((before, FinishReason.Interrupted), (spans.Tokens.Count, spans.Finish));
                Assert.InRange(before, 1, Request.MaxNewTokens - 1);
                break;
        }

        if (kvCache == KvCachePolicy.Flush)
            Assert.Equal(updated, await engine.RunAsync(Request));
    }

    [Fact]
    public async Task A_sequence_that_goes_on_after_a_flush_is_continued_by_the_new_weights_alone()
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate), fresh = Load(_otherWeights);
        Task<Spans> generating = ReadAsync(engine, Request);
        await PauseMidwayAsync(engine, gate);
        await engine.UpdateWeightsAsync(new WeightUpdate { Path = _otherWeights, Running = RunningSequences.Continue }, CancellationToken.None);
        await engine.ResumeAsync();
        Spans spans = await generating;

        int before = spans.CountOf(version: 0);
        Generation rest = await fresh.RunAsync(Request with
        {
            Tokens = (int[])[.. Request.Tokens.ToArray(), .. spans.Tokens.Take(before)], MaxNewTokens = Request.MaxNewTokens - before,
        });
        Assert.Equal(rest.Tokens, spans.Tokens.Skip(before));
        Assert.Equal(Bits.Of(rest.Logprobs), Bits.Of(spans.Logprobs.Skip(before)));
    }

    [Fact]
    public async Task A_request_that_asks_for_it_starts_again_and_shows_only_the_new_weights()
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate);
        (_, Generation updated) = await ExpectedAsync();
        Task<Spans> restarted = ReadAsync(engine, Request with { OnInterrupt = InterruptPolicy.Restart });
        await PauseMidwayAsync(engine, gate);
        await engine.UpdateWeightsAsync(new WeightUpdate { Path = _otherWeights, Running = RunningSequences.Abort }, CancellationToken.None);
        await engine.ResumeAsync();
        Spans spans = await restarted;
        Assert.Equal(updated.Tokens, spans.Tokens);
        Assert.Equal(Request.MaxNewTokens, spans.CountOf(version: 1));
    }

    [Fact]
    public async Task Updates_that_follow_each_other_use_the_same_memory_and_leave_nothing_of_the_weights_before()
    {
        await using LocalEngine engine = Load();
        (Generation old, Generation updated) = await ExpectedAsync();
        for (int round = 0; round < 6; round++)
        {
            await engine.UpdateWeightsAsync(new WeightUpdate { Path = round % 2 == 0 ? _otherWeights : Model.Folder }, CancellationToken.None);
            Assert.Equal(round % 2 == 0 ? updated : old, await engine.RunAsync(Request));
        }

        Assert.Equal(2 * engine.WeightBytes, (await engine.ReleaseMemoryAsync(EngineMemory.Weights)).WeightBytes, tolerance: engine.WeightBytes / 10.0);
        await engine.ResumeMemoryAsync(EngineMemory.Weights, CancellationToken.None);
        Assert.Equal(old, await engine.RunAsync(Request));
    }

    [Fact]
    public async Task Versions_are_chosen_by_whoever_updates_and_only_rise()
    {
        await using LocalEngine engine = Load();
        Assert.Equal(7, (await engine.UpdateWeightsAsync(new WeightUpdate { Path = _otherWeights, Version = 7 }, CancellationToken.None)).WeightVersion);
        string refusal = (await Assert.ThrowsAsync<EngineException>(() =>
            engine.UpdateWeightsAsync(new WeightUpdate { Path = Model.Folder, Version = 7 }, CancellationToken.None))).Message;
        Assert.Equal("Weight version 7 is not above version 7, which is in use.", refusal);
        (_, Generation updated) = await ExpectedAsync();
        Assert.Equal(updated, await engine.RunAsync(Request));
        Assert.Equal(8, (await engine.UpdateWeightsAsync(new WeightUpdate { Path = Model.Folder }, CancellationToken.None)).WeightVersion);
    }

    [Fact]
    public async Task An_engine_can_start_with_weights_of_another_place_and_their_version()
    {
        (_, Generation updated) = await ExpectedAsync();
        string file = Directory.EnumerateFiles(_otherWeights, "*.safetensors").Single();
        await using LocalEngine engine = LocalEngine.Load(
            Model.Folder, new EngineOptions { Threads = 1, ChunkIntervalMs = 0 }, NullLoggerFactory.Instance, weights: new StartWeights(file, 5));
        Assert.Equal(5, engine.Model.WeightVersion);
        Assert.Equal(updated, await engine.RunAsync(Request));
    }

    [Fact]
    public async Task Checking_weights_asks_for_every_tensor_and_names_the_one_that_is_wrong()
    {
        await using LocalEngine engine = Load();
        engine.CheckWeights(_otherWeights);
        Assert.Equal(0, engine.Model.WeightVersion);
        Assert.Contains("'model.", Assert.Throws<EngineException>(() => engine.CheckWeights(new Fixture("mistral-f16-odd").Folder)).Message);
    }

    [Fact]
    public async Task Weights_that_do_not_fit_leave_the_old_ones_at_work()
    {
        await using LocalEngine engine = Load();
        Generation expected = await engine.RunAsync(Request);
        await Assert.ThrowsAsync<EngineException>(() => engine.UpdateWeightsAsync(new WeightUpdate { Path = new Fixture("mistral-f16-odd").Folder }, CancellationToken.None));
        Assert.Equal(0, engine.Model.WeightVersion);
        Assert.Equal(expected, await engine.RunAsync(Request));
    }

    [Fact]
    public async Task A_paused_engine_samples_nothing_and_goes_on_with_the_same_bits()
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate);
        (Generation expected, _) = await ExpectedAsync();
        Task<Spans> generating = ReadAsync(engine, Request);
        await PauseMidwayAsync(engine, gate);
        long steps = engine.Statistics.Steps;
        Task<Generation> waiting = engine.RunAsync(Request);
        string refusal = (await Assert.ThrowsAsync<EngineException>(() =>
            engine.UpdateWeightsAsync(new WeightUpdate { Path = _otherWeights }, CancellationToken.None))).Message;
        Assert.Contains("paused", refusal);
        Assert.Equal(steps, engine.Statistics.Steps);

        await engine.ResumeAsync();
        Assert.Equal(expected.Tokens, (await generating).Tokens);
        Assert.Equal(expected, await waiting);
    }

    [Theory]
    [InlineData(EngineMemory.Weights, "weights are released")]
    [InlineData(EngineMemory.KvCache, "KV cache is released")]
    [InlineData(EngineMemory.All, "weights and KV cache are released")]
    public async Task Released_memory_refuses_new_requests_and_running_ones_go_on_after_it_is_back(EngineMemory memory, string refusal)
    {
        Gate gate = new();
        await using LocalEngine engine = Load(gate: gate);
        (Generation expected, _) = await ExpectedAsync();
        Task<Spans> generating = ReadAsync(engine, Request);
        await PauseMidwayAsync(engine, gate);
        ReleasedMemory released = await engine.ReleaseMemoryAsync(memory);
        await engine.ResumeAsync();
        Assert.Equal(memory.HasFlag(EngineMemory.Weights) ? engine.WeightBytes : 0, released.WeightBytes);
        Assert.Contains(refusal, (await Assert.ThrowsAsync<EngineException>(() => engine.RunAsync(Request))).Message);
        Assert.Equal((0, 0, 0), (engine.Statistics.PagesInUse, engine.Statistics.PagesCached, engine.Statistics.PagesLeased));

        await engine.ResumeMemoryAsync(memory, CancellationToken.None);
        Assert.Equal(expected.Tokens, (await generating).Tokens);
        Assert.Equal(expected, await engine.RunAsync(Request));
    }

    [Fact]
    public async Task Flushing_forgets_what_nobody_uses()
    {
        await using LocalEngine engine = Load();
        await engine.RunAsync(Request with { CacheKey = "gone" });
        Assert.InRange(await engine.FlushCacheAsync(), 5, 100);
        Assert.Equal((0, 0), (engine.Statistics.PagesCached, engine.Statistics.PagesLeased));
    }

    public void Dispose() => Directory.Delete(_otherWeights, recursive: true);

    private static GenerationRequest Request => new() { Id = "request", Tokens = Model.Prompt, MaxNewTokens = 200, Seed = 8 };

    private static LocalEngine Load(string? folder = null, Gate? gate = null) => LocalEngine.Load(
        folder ?? Model.Folder, new EngineOptions { Threads = 1, ChunkIntervalMs = 0 }, NullLoggerFactory.Instance, TimeProvider.System,
        (runner, _) => gate is null ? runner : new GatedRunner(runner, gate));

    private static async Task PauseMidwayAsync(LocalEngine engine, Gate gate)
    {
        await gate.Reached.Task;
        Task pausing = engine.PauseAsync();
        gate.Open.Set();
        await pausing;
    }

    private async Task<(Generation Old, Generation Updated)> ExpectedAsync()
    {
        await using LocalEngine old = Load(), updated = Load(_otherWeights);
        return (await old.RunAsync(Request), await updated.RunAsync(Request));
    }

    private static async Task<Spans> ReadAsync(LocalEngine engine, GenerationRequest request)
    {
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in engine.GenerateAsync(request, CancellationToken.None))
            chunks.Add(chunk);
        return new Spans(chunks);
    }

    private sealed class Gate
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ManualResetEventSlim Open { get; } = new();
    }

    /// <summary>A device that waits at the gate in its 20th step.</summary>
    private sealed class GatedRunner(IModelRunner inner, Gate gate) : IModelRunner
    {
        private int _steps;

        public string ComputePath => inner.ComputePath;

        public int PageCount => inner.PageCount;

        public long PageBytes => inner.PageBytes;

        public void CopyPages(ReadOnlySpan<(int From, int To)> pages) => inner.CopyPages(pages);

        public IRunnerWeights LoadWeights(string path) => inner.LoadWeights(path);

        public void CheckWeights(string path) => inner.CheckWeights(path);

        public void UseWeights(IRunnerWeights weights) => inner.UseWeights(weights);

        public long ReleaseWeights() => inner.ReleaseWeights();

        public long ReleasePages() => inner.ReleasePages();

        public void Run(ForwardBatch batch, Span<SampledToken> results)
        {
            if (++_steps == 20)
            {
                gate.Reached.SetResult();
                gate.Open.Wait();
            }

            inner.Run(batch, results);
        }

        public void Dispose() => inner.Dispose();
    }

    private sealed class Spans(List<TokenChunk> chunks)
    {
        public IReadOnlyList<int> Tokens { get; } = [.. chunks.SelectMany(chunk => chunk.Tokens.ToArray())];

        public IReadOnlyList<float> Logprobs { get; } = [.. chunks.SelectMany(chunk => chunk.Logprobs.ToArray())];

        public FinishReason? Finish => chunks[^1].Finish;

        public int CountOf(long version) => chunks.Where(chunk => chunk.WeightVersion == version).Sum(chunk => chunk.Tokens.Length);
    }
}
