using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The packed weights of an encoder of BERT's kind, under the names that Hugging Face gives them.</summary>
internal sealed unsafe class CpuEncoderWeights : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Packing _packing = new(WeightType.Auto, new PanelMemory());
    private readonly Checkpoint _checkpoint;
    private readonly int _hidden;

    /// <param name="labels">Outputs of the classification head; 0 for none.</param>
    /// <exception cref="EngineException">A tensor is missing, misshaped, or would be ignored.</exception>
    public CpuEncoderWeights(EncoderConfig config, Checkpoint checkpoint, int labels)
    {
        (_checkpoint, _hidden) = (checkpoint, config.HiddenSize);
        if (checkpoint.Contains("embeddings.word_embeddings.weight"))
            checkpoint.PutInFront($"{config.Family}.");
        string root = config.Family;
        try
        {
            Words = Table($"{root}.embeddings.word_embeddings", config.VocabularySize);
            Positions = Table($"{root}.embeddings.position_embeddings", config.PositionCount);
            Types = Table($"{root}.embeddings.token_type_embeddings", config.TokenTypes);
            EmbeddingNorm = LoadNorm($"{root}.embeddings.LayerNorm");
            Layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer => LoadLayer($"{root}.encoder.layer.{layer}", config.FeedForwardSize))];
            Head = labels > 0 ? LoadHead(root, labels) : null;
            RefuseUnread(root);
        }
        catch
        {
            Dispose();
            Head?.Dispose();
            throw;
        }
    }

    /// <summary>[vocabulary, hidden]</summary>
    public PackedMatrix Words { get; }

    /// <summary>[position, hidden]</summary>
    public PackedMatrix Positions { get; }

    /// <summary>[token type, hidden]</summary>
    public PackedMatrix Types { get; }

    public Norm EmbeddingNorm { get; }

    public IReadOnlyList<Layer> Layers { get; }

    /// <summary>The caller's to dispose; null without a classification head.</summary>
    public PoolingHead? Head { get; }

    public void Dispose()
    {
        _owned.ForEach(part => part.Dispose());
        _packing.Memory.Dispose();
    }

    private Layer LoadLayer(string name, int feedForward) => new(
        Own(PackedMatrix.Stack(_packing,
            Rows($"{name}.attention.self.query", _hidden, _hidden), Rows($"{name}.attention.self.key", _hidden, _hidden), Rows($"{name}.attention.self.value", _hidden, _hidden))),
        Own(PackedMatrix.Stack(_packing, Rows($"{name}.attention.output.dense", _hidden, _hidden))),
        LoadNorm($"{name}.attention.output.LayerNorm"),
        Own(PackedMatrix.Stack(_packing, Rows($"{name}.intermediate.dense", feedForward, _hidden))),
        Own(PackedMatrix.Stack(_packing, Rows($"{name}.output.dense", _hidden, feedForward))),
        LoadNorm($"{name}.output.LayerNorm"));

    private PoolingHead LoadHead(string root, int labels)
    {
        (string dense, string output) = root == "roberta" ? ("classifier.dense", "classifier.out_proj") : ("bert.pooler.dense", "classifier");
        return new PoolingHead([new PoolingHead.Dense(Rows(dense, _hidden, _hidden)), new PoolingHead.Dense(Rows(output, labels, _hidden))]);
    }

    /// <summary>The pooler of a model without a head is BERT's classifier of sentence pairs; no pooling uses it.</summary>
    private void RefuseUnread(string root)
    {
        string[] unused = [$"{root}.pooler.dense.weight", $"{root}.pooler.dense.bias", $"{root}.embeddings.position_ids"];
        if (_checkpoint.Unread.Except(unused).Order().FirstOrDefault() is { } name)
            throw new EngineException($"'{_checkpoint.Path}' has the tensor '{name}', for which the encoder has no place.");
    }

    private PackedMatrix Table(string name, int rows) => Own(PackedMatrix.Stack(_packing, new WeightRows(_checkpoint.Get($"{name}.weight", rows, _hidden), Bias: null)));

    private WeightRows Rows(string name, int outputs, int inputs) =>
        new(_checkpoint.Get($"{name}.weight", outputs, inputs), _checkpoint.Get($"{name}.bias", outputs));

    private Norm LoadNorm(string name) => new(Vector($"{name}.weight"), Vector($"{name}.bias"));

    private NativeBuffer<float> Vector(string name)
    {
        NativeBuffer<float> vector = Own(NativeBuffer<float>.Zeroed(_hidden));
        _checkpoint.Get(name, _hidden).CopyTo(0, _hidden, vector.Pointer);
        return vector;
    }

    private T Own<T>(T part) where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    /// <summary>[hidden] each.</summary>
    internal sealed record Norm(NativeBuffer<float> Gain, NativeBuffer<float> Bias);

    /// <param name="Qkv">Queries, keys and values below one another: [3·hidden, hidden].</param>
    /// <param name="AttentionOutput">[hidden, hidden]</param>
    /// <param name="Up">[feedForward, hidden]</param>
    /// <param name="Down">[hidden, feedForward]</param>
    internal sealed record Layer(PackedMatrix Qkv, PackedMatrix AttentionOutput, Norm AttentionNorm, PackedMatrix Up, PackedMatrix Down, Norm OutputNorm);
}
