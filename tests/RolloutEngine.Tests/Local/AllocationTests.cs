using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Scheduling;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using AgentRollout.RolloutEngine.Weights;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

public sealed class AllocationTests
{
    [Theory]
    [InlineData(1, WeightType.Auto)]
    [InlineData(2, WeightType.Auto)]
    [InlineData(1, WeightType.Bfloat16)]
    [InlineData(1, WeightType.Int8)]
    public void Decoding_allocates_nothing_on_the_loop_thread(int threads, WeightType weightType)
    {
        Fixture fixture = new("qwen3-bf16");
        ModelConfig config = ModelConfig.Load(fixture.Folder);
        using Checkpoint checkpoint = Checkpoint.Open(fixture.Folder);
        using CpuModelRunner runner = new(
            config, CpuWeights.Load(config, checkpoint, weightType), KernelSet.Widest, pageCount: 700, contextLength: 1200, maxTokens: 64, threads);
        Scheduler scheduler = Schedulers.Create(700, new EngineOptions { MaxBatchTokens = 64, MaxRunningSequences = 8 });
        ForwardBatch batch = new(64);
        SampledToken[] results = new SampledToken[64];
        for (int i = 0; i < 8; i++)
        {
            scheduler.Add(Sequence.ToGenerate(new GenerationRequest
            {
                Id = $"{i}", Tokens = fixture.Prompt, MaxNewTokens = 1150, Seed = (ulong)i, CacheKey = $"{i}",
                Sampling = new SamplingParams(0.8f, TopK: 50, TopP: 0.9f) { RepetitionPenalty = 1.1f, FrequencyPenalty = 0.1f, LogitBias = new Dictionary<int, float> { [3] = 1 } },
            }));
        }

        for (int step = 0; step < 100; step++)
            Step(scheduler, runner, batch, results);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 1000; step++)
            Step(scheduler, runner, batch, results);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(8, scheduler.Running);
    }

    private static void Step(Scheduler scheduler, CpuModelRunner runner, ForwardBatch batch, SampledToken[] results)
    {
        ReadOnlySpan<ScheduledChunk> chunks = scheduler.Schedule(batch);
        runner.Run(batch, results);
        int next = 0;
        foreach (ScheduledChunk chunk in chunks)
        {
            scheduler.Advance(chunk);
            for (int i = 0; i < chunk.Outputs; i++)
                chunk.Sequence.Accept(results[next++], weightVersion: 0);
            chunk.Sequence.Output.HandOver();
        }
    }
}
