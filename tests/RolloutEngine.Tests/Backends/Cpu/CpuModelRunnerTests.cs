using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
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

    [Theory]
    [InlineData(WeightType.Auto)]
    [InlineData(WeightType.Bfloat16)]
    [InlineData(WeightType.Int8)]
    public void Weights_that_are_put_to_use_compute_as_if_they_had_been_there_from_the_start(WeightType type)
    {
        Fixture fixture = new("qwen3-bf16");
        using CpuModelRunner fresh = Load(fixture, type), updated = Load(fixture, type);
        string other = CopyWithOtherSigns(fixture);
        try
        {
            float[] before = Run(updated, [0, 1], fixture.Prompt, 0);
            updated.UseWeights(updated.LoadWeights(other));
            float[] changed = Run(updated, [0, 1], fixture.Prompt, 0);
            Assert.NotEqual(Bits.Of(before), Bits.Of(changed));

            Assert.InRange(updated.ReleaseWeights(), 1000, long.MaxValue);
            Assert.Equal(0, updated.ReleaseWeights());
            Assert.Throws<InvalidOperationException>(() => Run(updated, [0, 1], fixture.Prompt, 0));
            updated.UseWeights(updated.LoadWeights(fixture.Folder));
            Assert.Equal(Bits.Of(Run(fresh, [0, 1], fixture.Prompt, 0)), Bits.Of(Run(updated, [0, 1], fixture.Prompt, 0)));
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Fact]
    public void Weights_of_another_shape_are_refused_and_leave_those_in_use()
    {
        Fixture fixture = new("qwen3-bf16");
        using CpuModelRunner runner = Load(fixture);
        float[] before = Run(runner, [0, 1], fixture.Prompt, 0);
        Assert.Throws<EngineException>(() => runner.LoadWeights(new Fixture("mistral-f16-odd").Folder));
        Assert.Equal(Bits.Of(before), Bits.Of(Run(runner, [2, 3], fixture.Prompt, 0)));
    }

    [Theory]
    [InlineData(WeightType.Auto)]
    [InlineData(WeightType.Bfloat16)]
    [InlineData(WeightType.Int8)]
    public void A_token_that_is_not_a_number_does_not_reach_those_before_it_in_the_same_chunk(WeightType type)
    {
        const int bad = 7;
        Fixture fixture = new("qwen3-f32");
        int[] prompt = [.. fixture.Prompt.Where(token => token != bad)];
        string folder = Copy(fixture, file => SpoilEmbedding(file, bad, ModelConfig.Load(fixture.Folder).HiddenSize));
        try
        {
            using CpuModelRunner runner = Load(new Fixture(fixture.Name), type);
            runner.UseWeights(runner.LoadWeights(folder));
            float[] alone = Run(runner, [0, 1], prompt, 0), followed = Run(runner, [2, 3], [.. prompt, bad, bad, bad], 0, outputOf: prompt.Length - 1);
            (alone[bad], followed[bad]) = (0, 0);
            Assert.DoesNotContain(float.NaN, alone);
            Assert.Equal(Bits.Of(alone), Bits.Of(followed));
            Assert.Contains(float.NaN, Run(runner, [2, 3], [.. prompt, bad], 0));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Released_pages_can_be_written_again()
    {
        Fixture fixture = new("qwen3-f32");
        using CpuModelRunner runner = Load(fixture);
        float[] before = Run(runner, [0, 1], fixture.Prompt, 0);
        Assert.InRange(runner.ReleasePages(), 0, long.MaxValue);
        Assert.Equal(Bits.Of(before), Bits.Of(Run(runner, [0, 1], fixture.Prompt, 0)));
    }

    [Fact]
    public unsafe void A_large_buffer_gives_its_memory_back_and_reads_as_zero()
    {
        using NativeBuffer<byte> buffer = NativeBuffer<byte>.Zeroed(64 << 20);
        new Span<byte>(buffer.Pointer, 64 << 20).Fill(1);
        long before = Environment.WorkingSet;
        buffer.Discard();
        if (OperatingSystem.IsLinux())
            Assert.InRange(before - Environment.WorkingSet, 32 << 20, long.MaxValue);
        Assert.Equal(-1, new ReadOnlySpan<byte>(buffer.Pointer, 64 << 20).IndexOfAnyExcept((byte)0));
    }

    /// <summary>A copy of the checkpoint with the signs of its second half turned.</summary>
    private static string CopyWithOtherSigns(Fixture fixture) => Copy(fixture, bytes =>
    {
        for (int i = bytes.Length / 2 | 1; i < bytes.Length; i += 2)
            bytes[i] ^= 0x80;
    });

    private static string Copy(Fixture fixture, Action<byte[]> change)
    {
        string folder = Directory.CreateTempSubdirectory("weights-").FullName;
        foreach (string file in Directory.GetFiles(fixture.Folder))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string path = Path.Combine(folder, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        change(bytes);
        File.WriteAllBytes(path, bytes);
        return folder;
    }

    /// <summary>Makes one token's row of an F32 embedding not a number.</summary>
    private static void SpoilEmbedding(byte[] file, int token, int hiddenSize)
    {
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        int start = 8 + headerLength + header.RootElement.GetProperty("model.embed_tokens.weight").GetProperty("data_offsets")[0].GetInt32();
        MemoryMarshal.Cast<byte, float>(file.AsSpan(start)).Slice(token * hiddenSize, hiddenSize).Fill(float.NaN);
    }

    private static CpuModelRunner Load(Fixture fixture, WeightType weights = WeightType.Auto)
    {
        ModelConfig config = ModelConfig.Load(fixture.Folder);
        using Checkpoint checkpoint = Checkpoint.Open(fixture.Folder);
        return new CpuModelRunner(config, CpuWeights.Load(config, checkpoint, weights), KernelSet.Widest, pageCount: 4, contextLength: 32, maxTokens: 32, threads: 1);
    }

    /// <summary>The logits that follow one of the tokens, the last one where none is named.</summary>
    private static float[] Run(CpuModelRunner runner, int[] pages, int[] tokens, int position, int? outputOf = null)
    {
        ForwardBatch batch = new(32);
        batch.BeginSequence(pages);
        for (int i = 0; i < tokens.Length; i++)
        {
            batch.AddToken(tokens[i], position + i);
            if (i == (outputOf ?? tokens.Length - 1))
                batch.AddOutput(SamplingParams.Default, seed: 0, forced: null);
        }

        runner.Run(batch, new SampledToken[1]);
        return runner.LogitsOf(0).ToArray();
    }
}
