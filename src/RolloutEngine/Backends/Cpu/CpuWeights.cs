using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The weights of a decoder, packed for the CPU kernels. Matrices that read the same input are fused.</summary>
internal sealed class CpuWeights : IRunnerWeights
{
    private readonly List<IDisposable> _owned = [];

    private CpuWeights()
    {
    }

    /// <summary>[vocabulary, hidden]; rows are looked up.</summary>
    public required PackedMatrix Embedding { get; init; }

    /// <summary>[vocabulary, hidden]; the same object as <see cref="Embedding"/> where they are tied.</summary>
    public required PackedMatrix Head { get; init; }

    public required NativeBuffer<float> FinalNorm { get; init; }

    public required IReadOnlyList<CpuLayer> Layers { get; init; }

    /// <summary>Numbers in the checkpoint's tensors, a tied head counted once.</summary>
    public required long ParameterCount { get; init; }

    public required WeightType Type { get; init; }

    /// <summary>Whether the checkpoint stores BF16, whatever it is kept in here.</summary>
    public required bool StoredAsBFloat16 { get; init; }

    /// <summary>Bytes of packed weights.</summary>
    public required long Bytes { get; init; }

    /// <summary>Packs a checkpoint; it can be closed afterwards.</summary>
    /// <exception cref="EngineException">A tensor is missing, misshaped, or would be ignored.</exception>
    public static CpuWeights Load(ModelConfig config, Checkpoint checkpoint, WeightType type = WeightType.Auto)
    {
        WeightMap map = new(config, checkpoint);
        List<IDisposable> owned = [];
        try
        {
            PackedMatrix embedding = Own(PackedMatrix.Stack(type, map.Embedding()));
            PackedMatrix head = config.TiedEmbeddings ? embedding : Own(PackedMatrix.Stack(type, map.Head()));
            NativeBuffer<float> finalNorm = Own(map.FinalNorm());
            CpuLayer[] layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer => Own(CpuLayer.Load(map, layer, type)))];
            map.RefuseUnread();
            CpuWeights weights = new()
            {
                Embedding = embedding,
                Head = head,
                FinalNorm = finalNorm,
                Type = type,
                StoredAsBFloat16 = checkpoint.IsBFloat16,
                Layers = layers,
                ParameterCount = map.ParameterCount,
                Bytes = embedding.Bytes + (config.TiedEmbeddings ? 0 : head.Bytes) + finalNorm.Bytes + layers.Sum(layer => layer.Bytes),
            };
            weights._owned.AddRange(owned);
            return weights;
        }
        catch
        {
            owned.ForEach(part => part.Dispose());
            throw;
        }

        T Own<T>(T part) where T : IDisposable
        {
            owned.Add(part);
            return part;
        }
    }

    public void Dispose() => _owned.ForEach(part => part.Dispose());
}
