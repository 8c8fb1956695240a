using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>What a decoder has to compute and to read for a batch, whatever the implementation.</summary>
/// <param name="config">Gives the shapes.</param>
/// <param name="weightBytes">Of all weights as they are in memory.</param>
/// <param name="pageBytes">Of one page of keys and values.</param>
internal sealed class ModelWork(ModelConfig config, long weightBytes, long pageBytes)
{
    private readonly double _weightsPerToken = config.LayerCount * (
        2.0 * config.HiddenSize * config.HeadDim * (config.HeadCount + config.KvHeadCount) + 3.0 * config.HiddenSize * config.FeedForwardSize);

    /// <summary>Multiplications and additions.</summary>
    public double Operations(ForwardBatch batch)
    {
        long visible = 0;
        foreach (int position in batch.Positions)
            visible += position + 1;
        return 2 * _weightsPerToken * batch.TokenCount
            + 4.0 * config.LayerCount * config.HeadCount * config.HeadDim * visible
            + 2.0 * config.HiddenSize * config.VocabularySize * batch.Outputs.Length;
    }

    /// <summary>All weights once, and the keys and values of every sequence once.</summary>
    public double Bytes(ForwardBatch batch)
    {
        long cached = 0;
        for (int token = 0; token < batch.TokenCount; token++)
        {
            if (token + 1 == batch.TokenCount || batch.SequenceOf[token + 1] != batch.SequenceOf[token])
                cached += batch.Positions[token] + 1;
        }

        return weightBytes + (double)pageBytes / PagePool.PageTokens * cached;
    }
}
