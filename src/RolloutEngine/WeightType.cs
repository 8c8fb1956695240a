namespace AgentRollout.RolloutEngine;

/// <summary>The numbers that the embedded engine keeps a model's matrices in.</summary>
public enum WeightType
{
    /// <summary>As the checkpoint stores them: BF16 in two bytes, F16 and F32 in four.</summary>
    Auto,

    /// <summary>
    /// BF16, and products of them with activations rounded to BF16 too, as other engines compute: up to twice the speed where processors
    /// multiply such pairs (AVX512_BF16), for an error of less than a hundredth of the logits.
    /// </summary>
    Bfloat16,

    /// <summary>
    /// One byte and a scale for every 64 of them, made at load; activations are quantised alike, step by step. Half the memory and up to
    /// twice the speed of BF16, for an error of about 1 percent of the logits.
    /// </summary>
    Int8,
}
