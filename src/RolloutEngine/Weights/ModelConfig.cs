using System.Text.Json;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// What <c>config.json</c> and <c>generation_config.json</c> of a Hugging Face folder say about a decoder. Reading it refuses, by name,
/// everything that the embedded engine would compute differently.
/// </summary>
public sealed record ModelConfig
{
    private const string Generating = "ForCausalLM";

    /// <summary>Endings of an architecture's name where only its vectors are wanted.</summary>
    private static readonly string[] _backbones = [Generating, "Model", "ForSequenceClassification"];

    /// <summary>The folder's name.</summary>
    public required string Name { get; init; }

    public required ModelArchitecture Architecture { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    public required int LayerCount { get; init; }

    /// <summary>Query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads; divides <see cref="HeadCount"/>.</summary>
    public required int KvHeadCount { get; init; }

    /// <summary>An even number.</summary>
    public required int HeadDim { get; init; }

    public required int FeedForwardSize { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Most tokens of a sequence: <c>max_position_embeddings</c>, stretched where the rotary scaling is <c>yarn</c>.</summary>
    public required int ContextLength { get; init; }

    public required float RmsNormEpsilon { get; init; }

    public required RopeParameters Rope { get; init; }

    /// <summary>The output layer is the embedding table.</summary>
    public required bool TiedEmbeddings { get; init; }

    /// <summary>Queries, keys and values have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>The attention's output layer has a bias.</summary>
    public required bool AttentionOutputBias { get; init; }

    /// <summary>The feed-forward layers have biases.</summary>
    public required bool FeedForwardBias { get; init; }

    /// <summary>Queries and keys are normalised per head before rotation.</summary>
    public bool QkNorm => Architecture == ModelArchitecture.Qwen3;

    /// <summary>End-of-sequence ids, from <c>generation_config.json</c>, else <c>config.json</c>.</summary>
    public required IReadOnlyList<int> StopTokenIds { get; init; }

    /// <summary>Reads the configuration of a model folder.</summary>
    /// <exception cref="EngineException">The folder or file is missing, or asks for something that the engine does not compute.</exception>
    public static ModelConfig Load(string directory) => Load(directory, [Generating]);

    /// <summary>Reads the configuration of a decoder that may have another head than an output layer, or none; the result has no output layer of its own.</summary>
    internal static ModelConfig LoadBackbone(string directory) => Load(directory, _backbones) with { TiedEmbeddings = true };

    internal static string NameOf(string directory) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));

    internal static ConfigFile OpenFolder(string directory)
    {
        if (!Directory.Exists(directory))
            throw new EngineException($"The model folder '{directory}' does not exist.");
        return ConfigFile.Read(Path.Combine(directory, "config.json"))
            ?? throw new EngineException($"The model folder '{directory}' has no config.json.");
    }

    private static ModelConfig Load(string directory, IReadOnlyList<string> endings)
    {
        ConfigFile config = OpenFolder(directory);
        ModelArchitecture architecture = ReadArchitecture(config, endings);
        ConfigFile? generation = ConfigFile.Read(Path.Combine(directory, "generation_config.json"));
        return Read(NameOf(directory), architecture, config, generation?.Integers("eos_token_id") ?? config.Integers("eos_token_id") ?? []);
    }

    private static ModelConfig Read(string name, ModelArchitecture architecture, ConfigFile config, IReadOnlyList<int> stopTokenIds)
    {
        RefuseUnsupported(config, architecture);
        int hidden = config.Integer("hidden_size"), heads = config.Integer("num_attention_heads");
        int kvHeads = config.OptionalInteger("num_key_value_heads") ?? heads;
        int headDim = config.OptionalInteger("head_dim") ?? (architecture == ModelArchitecture.Qwen3 ? 128 : hidden / heads);
        if (heads % kvHeads != 0)
            throw config.Unsupported("num_key_value_heads", $"{kvHeads}", $"divisors of num_attention_heads {heads}");
        if (headDim % 2 != 0)
            throw config.Unsupported("head_dim", $"{headDim}", "even numbers");
        int positions = config.Integer("max_position_embeddings");
        RopeParameters rope = RopeParameters.Read(config, headDim, positions);
        bool attentionBias = config.Flag("attention_bias", otherwise: false) && architecture is ModelArchitecture.Llama or ModelArchitecture.Qwen3;
        return new ModelConfig
        {
            Name = name,
            Architecture = architecture,
            HiddenSize = hidden,
            LayerCount = config.Integer("num_hidden_layers"),
            HeadCount = heads,
            KvHeadCount = kvHeads,
            HeadDim = headDim,
            FeedForwardSize = config.Integer("intermediate_size"),
            VocabularySize = config.Integer("vocab_size"),
            ContextLength = rope.Type == "yarn" ? (int)Math.Round((rope.OriginalContext ?? positions) * rope.ContextFactor) : positions,
            RmsNormEpsilon = (float)(config.OptionalNumber("rms_norm_eps") ?? 1e-6),
            Rope = rope,
            TiedEmbeddings = config.Flag("tie_word_embeddings", otherwise: false),
            QkvBias = attentionBias || architecture == ModelArchitecture.Qwen2,
            AttentionOutputBias = attentionBias,
            FeedForwardBias = architecture == ModelArchitecture.Llama && config.Flag("mlp_bias", otherwise: false),
            StopTokenIds = stopTokenIds,
        };
    }

    private static ModelArchitecture ReadArchitecture(ConfigFile config, IReadOnlyList<string> endings)
    {
        string given = config.Architecture();
        string[] supported = [.. endings.SelectMany(ending => Enum.GetNames<ModelArchitecture>().Select(name => name + ending))];
        int index = Array.IndexOf(supported, given);
        return index >= 0
            ? (ModelArchitecture)(index % Enum.GetValues<ModelArchitecture>().Length)
            : throw config.Unsupported("architectures", $"'{given}'", string.Join(", ", supported));
    }

    private static void RefuseUnsupported(ConfigFile config, ModelArchitecture architecture)
    {
        if (config.Text("hidden_act") is { } activation and not "silu")
            throw config.Unsupported("hidden_act", $"'{activation}'", "silu");
        if (config.Object("quantization_config") is { } quantization)
            throw config.Unsupported("quantization_config", $"'{quantization.Text("quant_method") ?? "unnamed"}'", "unquantized F32, F16 and BF16 weights");
        if (config.Flag("use_sliding_window", otherwise: false))
            throw config.Unsupported("use_sliding_window", "true", "false");
        if (architecture != ModelArchitecture.Mistral)
            return;

        int? window = config.Mentions("sliding_window") ? config.OptionalInteger("sliding_window") : 4096;
        if (window < config.Integer("max_position_embeddings"))
            throw config.Unsupported("sliding_window", $"{window}", "null, or at least max_position_embeddings");
    }
}
