namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>What a model that gives one vector per sequence is.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Architecture">As <c>config.json</c> names it.</param>
/// <param name="VocabularySize">Token ids are in [0, VocabularySize).</param>
/// <param name="ContextLength">Most tokens of a sequence.</param>
/// <param name="HiddenSize">Numbers of an embedding.</param>
/// <param name="Pooling">From <c>1_Pooling/config.json</c>; else the last token for decoders, the mean for encoders, and what its head was trained on for a classifier.</param>
/// <param name="Normalize">Whether embeddings are scaled to length 1: <c>modules.json</c> lists a <c>Normalize</c>.</param>
/// <param name="Labels">Names of the head's outputs; empty where the model has no head. A reward model has one.</param>
public sealed record PooledModel(
    string Name, string Architecture, int VocabularySize, int ContextLength, int HiddenSize, PoolingKind Pooling, bool Normalize, IReadOnlyList<string> Labels);
