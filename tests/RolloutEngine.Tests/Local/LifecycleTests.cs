using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

public sealed class LifecycleTests
{
    private static readonly Fixture Model = new("qwen3-bf16");

    [Fact]
    public async Task An_engine_ends_though_its_last_command_comes_at_the_same_moment()
    {
        for (int round = 0; round < 2_000; round++)
        {
            LocalEngine engine = WithRunner(SlowRunner());
            Task paused = engine.PauseAsync();
            // From 0 to some microseconds later.
            Thread.SpinWait(round % 40);
            await engine.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            await Task.WhenAny(paused);
        }
    }

    [Fact]
    public async Task Cancelling_frees_the_pages_of_running_and_waiting_sequences()
    {
        await using LocalEngine engine = WithRunner(SlowRunner());
        using CancellationTokenSource cancellation = new();
        Task[] tasks = [.. Enumerable.Range(0, 6).Select(i => engine.RunAsync(LongRequest(), cancellation.Token))];
        await WaitUntilAsync(() => engine.Statistics is { PagesInUse: > 0, Waiting: > 0 });

        await cancellation.CancelAsync();

        foreach (Task task in tasks)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        await WaitUntilAsync(() => engine.Statistics is { PagesInUse: 0, Running: 0, Waiting: 0 });
    }

    [Fact]
    public async Task No_page_is_in_use_once_the_last_chunk_is_out()
    {
        await using LocalEngine engine = Engines.Load(Model);
        for (int i = 0; i < 30; i++)
        {
            await engine.RunAsync(LongRequest() with { MaxNewTokens = 1 + i });
            await engine.ScoreAsync(new ScoreRequest { Tokens = Model.Prompt }, CancellationToken.None);
            Assert.Equal((0, 0), (engine.Statistics.PagesInUse, engine.Statistics.Running));
        }
    }

    [Fact]
    public async Task Disposing_fails_what_is_unfinished_and_what_comes_later()
    {
        LocalEngine engine = WithRunner(SlowRunner());
        Task[] tasks = [.. Enumerable.Range(0, 5).Select(_ => engine.RunAsync(LongRequest()))];
        await WaitUntilAsync(() => engine.Statistics.Running > 0);

        await engine.DisposeAsync();
        await engine.DisposeAsync();

        foreach (Task task in tasks)
            Assert.Contains("disposed", (await Assert.ThrowsAsync<EngineException>(() => task)).Message);
        Assert.Contains("disposed", (await Assert.ThrowsAsync<EngineException>(() => engine.RunAsync(LongRequest()))).Message);
        Assert.Equal(0, engine.Statistics.PagesInUse);
    }

    [Fact]
    public async Task A_crash_of_the_device_fails_all_requests_with_its_cause()
    {
        await using LocalEngine engine = WithRunner(new FakeRunner(step => step < 20 ? new SampledToken(1, -1, -1) : throw new InvalidDataException("the device is gone")));
        Task[] tasks = [.. Enumerable.Range(0, 4).Select(_ => engine.RunAsync(LongRequest()))];
        foreach (Task task in tasks)
        {
            EngineException failure = await Assert.ThrowsAsync<EngineException>(() => task);
            Assert.IsType<InvalidDataException>(failure.InnerException);
            Assert.Contains("the device is gone", failure.Message);
        }

        Assert.Contains("the device is gone", (await Assert.ThrowsAsync<EngineException>(() => engine.RunAsync(LongRequest()))).Message);
    }

    [Fact]
    public async Task Logits_that_are_not_finite_fail_their_own_request_only()
    {
        int calls = 0;
        await using LocalEngine engine = WithRunner(new FakeRunner(_ => new SampledToken(1, calls++ == 3 ? float.NaN : -1, -1)));
        Assert.Contains("not finite", (await Assert.ThrowsAsync<EngineException>(() => engine.RunAsync(LongRequest()))).Message);
        Assert.Equal(100, (await engine.RunAsync(LongRequest())).Tokens.Count);
        Assert.Equal(0, engine.Statistics.PagesInUse);
    }

    [Fact]
    public async Task A_slow_reader_gets_longer_chunks_and_the_same_tokens()
    {
        await using LocalEngine engine = Engines.Load(Model);
        Generation expected = await engine.RunAsync(LongRequest());
        List<int> tokens = [];
        int chunks = 0;
        await foreach (TokenChunk chunk in engine.GenerateAsync(LongRequest(), CancellationToken.None))
        {
            await WaitUntilAsync(() => engine.Statistics.Running == 0);
            tokens.AddRange(chunk.Tokens.Span);
            chunks++;
        }

        Assert.Equal(expected.Tokens, tokens);
        Assert.InRange(chunks, 1, 2);
    }

    [Fact]
    public async Task Statistics_count_steps_and_tokens()
    {
        await using LocalEngine engine = Engines.Load(Model, maxBatchTokens: 10);
        await engine.RunAsync(LongRequest() with { MaxNewTokens = 5 });
        EngineStatistics statistics = engine.Statistics;
        // 24 prompt tokens in chunks of 10, 10 and 4, then 4 decode steps.
        Assert.Equal((7, 24, 5), (statistics.Steps, statistics.PrefillTokens, statistics.SampledTokens));
    }

    /// <summary>A device that takes a millisecond for a step and has room for one and a half long requests.</summary>
    private static FakeRunner SlowRunner() => new(_ =>
    {
        Thread.Sleep(1);
        return new SampledToken(1, -1, -1);
    }, pageCount: 12);

    private static LocalEngine WithRunner(IModelRunner runner) => new(
        new EngineModel("fake", 256, 256, [], 0), runner, new EngineOptions(), NullLoggerFactory.Instance, TimeProvider.System);

    private static GenerationRequest LongRequest() => new() { Id = "long", Tokens = Model.Prompt, MaxNewTokens = 100, Seed = 5 };

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.InRange(i, 0, 10_000);
            await Task.Delay(1);
        }
    }
}
