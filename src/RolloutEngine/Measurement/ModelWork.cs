using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>What a decoder has to compute and to read, whatever the implementation.</summary>
/// <param name="config">Gives the shapes.</param>
/// <param name="weightBytes">Of all weights as they are in memory.</param>
/// <param name="pageBytes">Of one page of keys and values.</param>
internal sealed class ModelWork(ModelConfig config, long weightBytes, long pageBytes)
{
    private readonly double _weightsPerToken = config.LayerCount * (
        2.0 * config.HiddenSize * config.HeadDim * (config.HeadCount + config.KvHeadCount) + 3.0 * config.HiddenSize * config.FeedForwardSize);

    /// <summary>Multiplications and additions of a step.</summary>
    /// <param name="visible">Tokens that each token of the step sees, summed over the step.</param>
    /// <param name="outputs">Rows whose logits are wanted.</param>
    public double Operations(int tokens, long visible, int outputs) =>
        2 * _weightsPerToken * tokens
        + 4.0 * config.LayerCount * config.HeadCount * config.HeadDim * visible
        + 2.0 * config.HiddenSize * config.VocabularySize * outputs;

    /// <summary>Bytes that a step reads: all weights once, and the keys and values of so many tokens.</summary>
    public double Bytes(long cachedTokens) => weightBytes + (double)pageBytes / PagePool.PageTokens * cachedTokens;
}
