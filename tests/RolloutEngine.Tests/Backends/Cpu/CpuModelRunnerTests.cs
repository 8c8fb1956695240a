using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using AgentRollout.RolloutEngine.Weights;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Backends.Cpu;

public sealed class CpuModelRunnerTests
{
    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void A_copied_page_continues_as_its_original(string name)
    {
        Fixture fixture = new(name);
        int[] prompt = fixture.Prompt;
        using CpuModelRunner runner = Load(fixture);
        Run(runner, [0, 1], prompt, 0);
        runner.CopyPages([(0, 3), (1, 2)]);

        float[] original = Run(runner, [0, 1], [prompt[3]], prompt.Length), copy = Run(runner, [3, 2], [prompt[3]], prompt.Length);
        Assert.Equal(Bits.Of(original), Bits.Of(copy));
    }

    private static CpuModelRunner Load(Fixture fixture)
    {
        ModelConfig config = ModelConfig.Load(fixture.Folder);
        using Checkpoint checkpoint = Checkpoint.Open(fixture.Folder);
        return new CpuModelRunner(config, CpuWeights.Load(config, checkpoint), KernelSet.Widest, pageCount: 4, contextLength: 32, maxTokens: 32, threads: 1);
    }

    /// <summary>The logits that follow the last of the tokens.</summary>
    private static float[] Run(CpuModelRunner runner, int[] pages, int[] tokens, int position)
    {
        ForwardBatch batch = new(32);
        batch.BeginSequence(pages);
        for (int i = 0; i < tokens.Length; i++)
            batch.AddToken(tokens[i], position + i);
        batch.AddOutput(SamplingParams.Default, seed: 0, forced: null);
        runner.Run(batch, new SampledToken[1]);
        return runner.LogitsOf(0).ToArray();
    }
}
