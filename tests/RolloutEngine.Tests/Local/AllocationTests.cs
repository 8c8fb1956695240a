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
    [InlineData(1)]
    [InlineData(2)]
    public void Decoding_allocates_nothing_on_the_loop_thread(int threads)
    {
        Fixture fixture = new("qwen3-bf16");
        ModelConfig config = ModelConfig.Load(fixture.Folder);
        using Checkpoint checkpoint = Checkpoint.Open(fixture.Folder);
        using CpuModelRunner runner = new(
            config, CpuWeights.Load(config, checkpoint), KernelSet.Widest, pageCount: 200, contextLength: 256, maxTokens: 64, threads);
        Scheduler scheduler = Schedulers.Create(200, new EngineOptions { MaxBatchTokens = 64, MaxRunningSequences = 8 });
        ForwardBatch batch = new(64);
        SampledToken[] results = new SampledToken[64];
        for (int i = 0; i < 8; i++)
        {
            scheduler.Add(Sequence.ToGenerate(new GenerationRequest
            {
                Id = $"{i}", Tokens = fixture.Prompt, MaxNewTokens = 220, Seed = (ulong)i, Sampling = new SamplingParams(0.8f, TopK: 50, TopP: 0.9f),
            }));
        }

        for (int step = 0; step < 100; step++)
            Step(scheduler, runner, batch, results);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 100; step++)
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
                chunk.Sequence.Accept(results[next++]);
            chunk.Sequence.Output.HandOver();
        }
    }
}
