namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The packed weights of one decoder layer.</summary>
internal sealed class CpuLayer : IDisposable
{
    /// <summary>[hidden]</summary>
    public required NativeBuffer<float> AttentionNorm { get; init; }

    /// <summary>Queries, keys and values below one another: [(heads + 2·kvHeads)·headDim, hidden].</summary>
    public required PackedMatrix Qkv { get; init; }

    /// <summary>[headDim], where the architecture normalises queries and keys.</summary>
    public required NativeBuffer<float>? QueryNorm { get; init; }

    /// <summary>[headDim]</summary>
    public required NativeBuffer<float>? KeyNorm { get; init; }

    /// <summary>[hidden, heads·headDim]</summary>
    public required PackedMatrix AttentionOutput { get; init; }

    /// <summary>[hidden]</summary>
    public required NativeBuffer<float> FeedForwardNorm { get; init; }

    /// <summary>Gate and up projection, 16 outputs of each to a panel: [2·feedForward, hidden].</summary>
    public required PackedMatrix GateUp { get; init; }

    /// <summary>[hidden, feedForward]</summary>
    public required PackedMatrix Down { get; init; }

    public long Bytes => AttentionNorm.Bytes + Qkv.Bytes + (QueryNorm?.Bytes ?? 0) + (KeyNorm?.Bytes ?? 0) + AttentionOutput.Bytes
        + FeedForwardNorm.Bytes + GateUp.Bytes + Down.Bytes;

    public static CpuLayer Load(WeightMap map, int layer, Packing packing) => new()
    {
        AttentionNorm = map.AttentionNorm(layer),
        Qkv = PackedMatrix.Stack(packing, map.Query(layer), map.Key(layer), map.Value(layer)),
        QueryNorm = map.QueryNorm(layer),
        KeyNorm = map.KeyNorm(layer),
        AttentionOutput = PackedMatrix.Stack(packing, map.AttentionOutput(layer)),
        FeedForwardNorm = map.FeedForwardNorm(layer),
        GateUp = PackedMatrix.Interleave(packing, map.Gate(layer), map.Up(layer)),
        Down = PackedMatrix.Stack(packing, map.Down(layer)),
    };

    public void Dispose()
    {
        AttentionNorm.Dispose();
        Qkv.Dispose();
        QueryNorm?.Dispose();
        KeyNorm?.Dispose();
        AttentionOutput.Dispose();
        FeedForwardNorm.Dispose();
        GateUp.Dispose();
        Down.Dispose();
    }
}
