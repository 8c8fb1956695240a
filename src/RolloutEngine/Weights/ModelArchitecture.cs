namespace AgentRollout.RolloutEngine.Weights;

/// <summary>The families of decoders that the embedded engine computes.</summary>
public enum ModelArchitecture
{
    /// <summary><c>LlamaForCausalLM</c></summary>
    Llama,

    /// <summary><c>MistralForCausalLM</c>, without a sliding window.</summary>
    Mistral,

    /// <summary><c>Qwen2ForCausalLM</c>: biases on queries, keys and values.</summary>
    Qwen2,

    /// <summary><c>Qwen3ForCausalLM</c>: queries and keys are normalised per head.</summary>
    Qwen3,
}
