using System.Text;
using System.Text.Json.Nodes;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Weights;

/// <summary>Whatever the engine would compute differently, or cannot read, is refused in a sentence that names it.</summary>
public sealed class LoadingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-").FullName;

    public static TheoryData<string, string, string[]> Refusals { get; } = new()
    {
        { "architectures", """["GPT2LMHeadModel"]""", ["GPT2LMHeadModel", "LlamaForCausalLM", "Qwen3ForCausalLM"] },
        { "hidden_act", "\"gelu\"", ["hidden_act 'gelu'", "silu"] },
        { "quantization_config", """{"quant_method":"gptq"}""", ["quantization_config 'gptq'"] },
        { "use_sliding_window", "true", ["use_sliding_window true"] },
        { "rope_parameters", """{"rope_type":"longrope"}""", ["rope type 'longrope'", "default, linear, llama3, yarn"] },
        { "rope_parameters", """{"rope_type":"linear"}""", ["no factor"] },
        { "rope_parameters", """{"rope_type":"default","partial_rotary_factor":0.5}""", ["partial_rotary_factor 0.5"] },
        { "num_key_value_heads", "3", ["num_key_value_heads 3", "num_attention_heads 4"] },
        { "head_dim", "15", ["head_dim 15", "even"] },
        { "hidden_size", "\"big\"", ["hidden_size \"big\"", "whole number"] },
        { "num_hidden_layers", "0", ["num_hidden_layers 0"] },
        { "vocab_size", "null", ["no vocab_size"] },
        { "vocab_size", "300", ["model.embed_tokens.weight", "[256, 32]", "[300, 32]"] },
        { "num_hidden_layers", "3", ["no tensor 'model.layers.2.input_layernorm.weight'", "[32]"] },
        { "num_hidden_layers", "1", ["model.layers.1.", "no place"] },
        { "tie_word_embeddings", "false", ["no tensor 'lm_head.weight'", "[256, 32]"] },
        { "attention_bias", "true", ["no tensor 'model.layers.0.self_attn.q_proj.bias'"] },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_configuration_that_cannot_be_honoured_is_refused(string key, string value, string[] parts)
    {
        Copy("qwen3-f32");
        Configure(key, value);
        AssertRefused(parts);
    }

    [Theory]
    [InlineData("64", "sliding_window 64")]
    [InlineData(null, "sliding_window 4096")]
    public void A_window_that_would_slide_within_the_context_is_refused(string? window, string part)
    {
        Copy("mistral-f16-odd");
        if (window is null)
            Configure("max_position_embeddings", "8192");
        Configure("sliding_window", window);
        AssertRefused(part);
    }

    [Fact]
    public void A_window_as_long_as_the_context_is_none()
    {
        Copy("mistral-f16-odd");
        Configure("sliding_window", "256");
        Assert.Equal(256, ModelConfig.Load(_folder).ContextLength);
    }

    [Fact]
    public void Missing_folders_and_files_are_named()
    {
        AssertRefused(_folder, "config.json");
        Copy("qwen3-f32");
        File.Delete(InFolder("model.safetensors"));
        AssertRefused("model.safetensors", "model.safetensors.index.json");
        Directory.Delete(_folder, recursive: true);
        AssertRefused(_folder, "does not exist");
        Directory.CreateDirectory(_folder);
    }

    [Fact]
    public void A_shard_that_is_missing_or_lacks_a_tensor_is_named()
    {
        Copy("llama-f32-sharded");
        File.Copy(InFolder("model-00001-of-00002.safetensors"), InFolder("model-00002-of-00002.safetensors"), overwrite: true);
        AssertRefused("model-00002-of-00002.safetensors");
        File.Delete(InFolder("model-00002-of-00002.safetensors"));
        AssertRefused("model-00002-of-00002.safetensors", "does not exist");
        File.WriteAllText(InFolder("model.safetensors.index.json"), """{"weight_map":{"a":"../elsewhere.safetensors"}}""");
        AssertRefused("../elsewhere.safetensors");
    }

    [Fact]
    public void A_file_cut_at_any_place_is_refused()
    {
        Copy("qwen3-f32");
        byte[] whole = File.ReadAllBytes(InFolder("model.safetensors"));
        foreach (int length in (int[])[0, 7, 8, 100, 3000, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(InFolder("model.safetensors"), whole[..length]);
            AssertRefused("model.safetensors");
        }
    }

    [Fact]
    public void Random_damage_to_the_header_is_refused_or_harmless_and_never_a_crash()
    {
        Copy("qwen3-f32");
        byte[] whole = File.ReadAllBytes(InFolder("model.safetensors"));
        int header = BitConverter.ToInt32(whole) + 8;
        Random random = new(1);
        for (int i = 0; i < 200; i++)
        {
            byte[] damaged = [.. whole];
            damaged[random.Next(header)] = (byte)random.Next(256);
            File.WriteAllBytes(InFolder("damaged.safetensors"), damaged);
            try
            {
                SafetensorsFile.Open(InFolder("damaged.safetensors")).Dispose();
            }
            catch (EngineException)
            {
            }
        }
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}""", "unknown dtype 'F4'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", "offsets 0 to 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "[-2]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}""", "offsets 0 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "offsets 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "'a' and 'b' overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""", "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "two data offsets")]
    [InlineData("""{"a":{"dtype":"F32"}}""", "header cannot be read")]
    [InlineData("""[1,2]""", "header cannot be read")]
    [InlineData("""{"a":""", "header cannot be read")]
    public void A_header_that_contradicts_itself_is_refused(string header, string part)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        string path = InFolder("a.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[16]]);
        string message = Assert.Throws<EngineException>(() => SafetensorsFile.Open(path)).Message;
        Assert.Contains(part, message);
        Assert.Contains(path, message);
    }

    [Fact]
    public void Stop_tokens_come_from_the_generation_configuration_first()
    {
        Copy("qwen3-f32");
        Assert.Equal([7], ModelConfig.Load(_folder).StopTokenIds);
        File.WriteAllText(InFolder("generation_config.json"), """{"eos_token_id":[3,4]}""");
        Assert.Equal([3, 4], ModelConfig.Load(_folder).StopTokenIds);
        File.WriteAllText(InFolder("generation_config.json"), """{"eos_token_id":null}""");
        Assert.Equal([7], ModelConfig.Load(_folder).StopTokenIds);
    }

    [Fact]
    public void Yarn_stretches_the_context() =>
        Assert.Equal(128, ModelConfig.Load(new Fixture("qwen2-bf16-yarn").Folder).ContextLength);

    [Fact]
    public void Options_out_of_range_are_all_named()
    {
        string message = Refusal(new EngineOptions { Threads = -1, MaxBatchTokens = 0 });
        Assert.Contains("Threads is -1; its range is 0 to 1024", message);
        Assert.Contains("MaxBatchTokens is 0; its range is 1 to 65536", message);
    }

    [Fact]
    public void A_context_or_cache_that_does_not_fit_the_model_is_refused()
    {
        Assert.Contains("at most 256", Refusal(new EngineOptions { ContextLength = 257 }));
        Copy("qwen3-f32");
        Configure("max_position_embeddings", "100000");
        string message = Assert.Throws<EngineException>(() => Load(_folder, new EngineOptions { KvCacheMiB = 3 })).Message;
        // 100 000 tokens · 2 layers · 2 heads · (16 + 32) floats are 74 MiB: values are padded to whole vectors.
        Assert.Contains("KvCacheMiB is 3", message);
        Assert.Contains("needs 74", message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Refusal(EngineOptions options) =>
        Assert.Throws<EngineException>(() => Load(new Fixture("qwen3-f32").Folder, options)).Message;

    private static void Load(string folder, EngineOptions options) => LocalEngine.Load(folder, options, NullLoggerFactory.Instance);

    private void AssertRefused(params string[] parts)
    {
        string message = Assert.Throws<EngineException>(() => Load(_folder, new EngineOptions())).Message;
        Assert.All(parts, part => Assert.Contains(part, message));
    }

    private void Copy(string fixture)
    {
        foreach (string file in Directory.GetFiles(new Fixture(fixture).Folder))
            File.Copy(file, InFolder(Path.GetFileName(file)), overwrite: true);
    }

    private void Configure(string key, string? json)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(InFolder("config.json")))!.AsObject();
        config.Remove(key);
        if (json is not null)
            config[key] = JsonNode.Parse(json);
        File.WriteAllText(InFolder("config.json"), config.ToJsonString());
    }

    private string InFolder(string file) => Path.Combine(_folder, file);
}
