using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using AgentRollout.RolloutEngine.Weights;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

/// <summary>The engine against a float64 forward pass that shares no code with it.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Logits_are_those_of_the_float64_oracle(string name)
    {
        Fixture fixture = new(name);
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest)), 0, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Keys_and_values_in_two_bytes_cost_less_than_a_thousandth(string name)
    {
        Fixture fixture = new(name);
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest, KvCacheType.Float16)), 1e-6, 1e-3);
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest, KvCacheType.Bfloat16)), 1e-6, 5e-3);
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Keys_and_values_in_one_byte_cost_less_than_two_hundredths(string name)
    {
        Fixture fixture = new(name);
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest, KvCacheType.Int8)), 1e-5, 2e-2);
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Weights_in_one_byte_cost_a_few_hundredths(string name)
    {
        Fixture fixture = new(name);
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest, weights: WeightType.Int8)), 1e-4, 5e-2);
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Products_of_bfloat16_with_bfloat16_cost_less_than_a_hundredth_and_rounded_weights_as_much_again(string name)
    {
        Fixture fixture = new(name);
        double most = name.Contains("bf16", StringComparison.Ordinal) ? 1e-2 : 2e-2;
        Assert.InRange(RelativeError(fixture.Logits, Logits(fixture, KernelSet.Widest, weights: WeightType.Bfloat16)), 1e-4, most);
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Logits_are_the_same_bits_at_every_vector_width(string name)
    {
        float[] scalar = Logits(new Fixture(name), KernelSet.Supported[^1]);
        Assert.All(KernelSet.Supported, kernels => Assert.Equal(Bits.Of(scalar), Bits.Of(Logits(new Fixture(name), kernels))));
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public void Quantised_logits_are_the_same_bits_at_every_vector_width(string name)
    {
        foreach ((KvCacheType kvCache, WeightType weights) in (ReadOnlySpan<(KvCacheType, WeightType)>)
            [(KvCacheType.Float16, WeightType.Int8), (KvCacheType.Int8, WeightType.Auto), (KvCacheType.Auto, WeightType.Bfloat16)])
        {
            float[] scalar = Logits(new Fixture(name), KernelSet.Supported[^1], kvCache, weights);
            Assert.All(KernelSet.Supported, kernels => Assert.Equal(Bits.Of(scalar), Bits.Of(Logits(new Fixture(name), kernels, kvCache, weights))));
        }
    }

    [Theory]
    [MemberData(nameof(Fixture.All), MemberType = typeof(Fixture))]
    public async Task Greedy_tokens_are_those_of_the_oracle(string name)
    {
        Fixture fixture = new(name);
        await using LocalEngine engine = Engines.Load(fixture, new EngineOptions { KvCacheType = KvCacheType.Float32 });
        Generation generation = await engine.RunAsync(Engines.Greedy(fixture.Prompt, fixture.Greedy.Length));
        Assert.Equal(fixture.Greedy, generation.Tokens);
    }

    private static double RelativeError(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = expected.Zip(actual, (e, a) => ((double)e - a) * ((double)e - a)).Sum();
        return Math.Sqrt(difference / expected.Sum(e => (double)e * e));
    }

    private static float[] Logits(
        Fixture fixture, KernelSet kernels, KvCacheType kvCacheType = KvCacheType.Float32, WeightType weights = WeightType.Auto)
    {
        int[] prompt = fixture.Prompt;
        ModelConfig config = ModelConfig.Load(fixture.Folder);
        using Checkpoint checkpoint = Checkpoint.Open(fixture.Folder);
        using CpuModelRunner runner = new(
            config, CpuWeights.Load(config, checkpoint, weights), kernels, pageCount: 2, contextLength: 32, maxTokens: prompt.Length, threads: 1, kvCacheType);
        ForwardBatch batch = new(prompt.Length);
        batch.BeginSequence([1, 0]);
        for (int i = 0; i < prompt.Length; i++)
        {
            batch.AddToken(prompt[i], i);
            batch.AddOutput(SamplingParams.Default, seed: 0, forced: null);
        }

        runner.Run(batch, new SampledToken[prompt.Length]);
        return [.. Enumerable.Range(0, prompt.Length).SelectMany(row => runner.LogitsOf(row).ToArray())];
    }
}
