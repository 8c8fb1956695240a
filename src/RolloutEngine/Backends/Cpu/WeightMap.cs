using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Finds the parts of a decoder under the names that Hugging Face gives them, with the shapes that the configuration implies.</summary>
internal sealed unsafe class WeightMap(ModelConfig config, Checkpoint checkpoint)
{
    private readonly int _hidden = config.HiddenSize;
    private readonly int _queries = config.HeadCount * config.HeadDim;
    private readonly int _keys = config.KvHeadCount * config.HeadDim;

    /// <summary>Numbers in the tensors asked for so far.</summary>
    public long ParameterCount { get; private set; }

    public WeightRows Embedding() => Matrix("model.embed_tokens", config.VocabularySize, _hidden, bias: false);

    public WeightRows Head() => Matrix("lm_head", config.VocabularySize, _hidden, bias: false);

    public NativeBuffer<float> FinalNorm() => Vector("model.norm", _hidden);

    public NativeBuffer<float> AttentionNorm(int layer) => Vector(In(layer, "input_layernorm"), _hidden);

    public WeightRows Query(int layer) => Matrix(In(layer, "self_attn.q_proj"), _queries, _hidden, config.QkvBias);

    public WeightRows Key(int layer) => Matrix(In(layer, "self_attn.k_proj"), _keys, _hidden, config.QkvBias);

    public WeightRows Value(int layer) => Matrix(In(layer, "self_attn.v_proj"), _keys, _hidden, config.QkvBias);

    public NativeBuffer<float>? QueryNorm(int layer) => config.QkNorm ? Vector(In(layer, "self_attn.q_norm"), config.HeadDim) : null;

    public NativeBuffer<float>? KeyNorm(int layer) => config.QkNorm ? Vector(In(layer, "self_attn.k_norm"), config.HeadDim) : null;

    public WeightRows AttentionOutput(int layer) => Matrix(In(layer, "self_attn.o_proj"), _hidden, _queries, config.AttentionOutputBias);

    public NativeBuffer<float> FeedForwardNorm(int layer) => Vector(In(layer, "post_attention_layernorm"), _hidden);

    public WeightRows Gate(int layer) => Matrix(In(layer, "mlp.gate_proj"), config.FeedForwardSize, _hidden, config.FeedForwardBias);

    public WeightRows Up(int layer) => Matrix(In(layer, "mlp.up_proj"), config.FeedForwardSize, _hidden, config.FeedForwardBias);

    public WeightRows Down(int layer) => Matrix(In(layer, "mlp.down_proj"), _hidden, config.FeedForwardSize, config.FeedForwardBias);

    /// <summary>Asks for every tensor, and reads none: a checkpoint that passes can be loaded.</summary>
    /// <exception cref="EngineException">A tensor is missing, misshaped, of a dtype that is not computed with, or would be ignored.</exception>
    public void AskForAll()
    {
        Embedding();
        if (!config.TiedEmbeddings)
            Head();
        Get("model.norm.weight", _hidden);
        for (int layer = 0; layer < config.LayerCount; layer++)
            AskFor(layer);
        RefuseUnread();
    }

    /// <summary>Throws if the checkpoint holds weights that the architecture has no place for, because ignoring them would be silent.</summary>
    public void RefuseUnread()
    {
        if (config.TiedEmbeddings)
            checkpoint.Skip("lm_head.weight");
        if (checkpoint.Unread.Where(name => !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)).Order().FirstOrDefault() is { } name)
            throw new EngineException($"'{checkpoint.Path}' has the tensor '{name}', for which {config.Architecture} has no place.");
    }

    private void AskFor(int layer)
    {
        Get($"{In(layer, "input_layernorm")}.weight", _hidden);
        Query(layer);
        Key(layer);
        Value(layer);
        if (config.QkNorm)
        {
            Get($"{In(layer, "self_attn.q_norm")}.weight", config.HeadDim);
            Get($"{In(layer, "self_attn.k_norm")}.weight", config.HeadDim);
        }

        AttentionOutput(layer);
        Get($"{In(layer, "post_attention_layernorm")}.weight", _hidden);
        Gate(layer);
        Up(layer);
        Down(layer);
    }

    private static string In(int layer, string part) => $"model.layers.{layer}.{part}";

    private WeightRows Matrix(string name, int outputs, int inputs, bool bias)
    {
        TensorView weight = Get($"{name}.weight", outputs, inputs);
        return new WeightRows(weight, bias ? Get($"{name}.bias", outputs) : null);
    }

    private NativeBuffer<float> Vector(string name, int length)
    {
        NativeBuffer<float> vector = NativeBuffer<float>.Zeroed(length);
        Get($"{name}.weight", length).CopyTo(0, length, vector.Pointer);
        return vector;
    }

    private TensorView Get(string name, params ReadOnlySpan<int> shape)
    {
        TensorView tensor = checkpoint.Get(name, shape);
        ParameterCount += tensor.ElementCount;
        return tensor;
    }
}
