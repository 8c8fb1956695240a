using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The weights of a decoder, packed for the CPU kernels. Matrices that read the same input are fused.</summary>
internal sealed class CpuWeights : IRunnerWeights
{
    private readonly List<IDisposable> _owned = [];
    private readonly PanelMemory _memory;

    private CpuWeights(PanelMemory memory) => _memory = memory;

    /// <summary>Where the memory of the weights returns to, for those that follow them.</summary>
    public PanelMemory Memory => _memory;

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
    /// <param name="config">The model's shape.</param>
    /// <param name="checkpoint">Its tensors.</param>
    /// <param name="type">What matrices are kept in.</param>
    /// <param name="memory">Memory of weights that these follow; null for none.</param>
    /// <exception cref="EngineException">A tensor is missing, misshaped, or would be ignored.</exception>
    public static CpuWeights Load(ModelConfig config, Checkpoint checkpoint, WeightType type = WeightType.Auto, PanelMemory? memory = null)
    {
        Packing packing = new(type, memory ?? new PanelMemory());
        WeightMap map = new(config, checkpoint);
        List<IDisposable> owned = [];
        try
        {
            PackedMatrix embedding = Own(PackedMatrix.Stack(packing, map.Embedding()));
            PackedMatrix head = config.TiedEmbeddings ? embedding : Own(PackedMatrix.Stack(packing, map.Head()));
            NativeBuffer<float> finalNorm = Own(map.FinalNorm());
            CpuLayer[] layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer => Own(CpuLayer.Load(map, layer, packing)))];
            map.RefuseUnread();
            CpuWeights weights = new(packing.Memory)
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

    /// <summary>Ends the weights and keeps their memory for those that follow.</summary>
    public void Recycle() => _owned.ForEach(part => part.Dispose());

    /// <summary>Ends the weights and gives their memory back to the system, also what was kept of those before.</summary>
    public void Dispose()
    {
        Recycle();
        _memory.Dispose();
    }
}
