using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Keys and values of all pages: [layer][page][kvHead], each a block of keys [headDim][16 tokens] and values [16 tokens][valueDim]. Keys are
/// transposed so that 16 tokens are 16 lanes; valueDim is headDim rounded up to a multiple of 16.
/// </summary>
internal sealed unsafe class CpuKvCache : IDisposable
{
    private const int Lanes = Kernels.Lanes.Count;

    private readonly NativeBuffer<float> _blocks;
    private readonly int _layers;
    private readonly int _kvHeads;
    private readonly int _headDim;
    private readonly long _blockLength;

    public CpuKvCache(ModelConfig config, int pageCount)
    {
        PageCount = pageCount;
        _layers = config.LayerCount;
        _kvHeads = config.KvHeadCount;
        _headDim = config.HeadDim;
        ValueDim = ValueDimOf(config);
        _blockLength = BlockLength(config);
        _blocks = NativeBuffer<float>.Zeroed(config.LayerCount * (long)pageCount * _kvHeads * _blockLength);
    }

    public int PageCount { get; }

    public int ValueDim { get; }

    /// <summary>Bytes of a page over all layers.</summary>
    public static long PageBytes(ModelConfig config) => config.LayerCount * (long)config.KvHeadCount * BlockLength(config) * sizeof(float);

    /// <summary>[headDim][16 tokens]</summary>
    public float* Keys(int layer, int page, int kvHead) =>
        _blocks.Pointer + (((long)layer * PageCount + page) * _kvHeads + kvHead) * _blockLength;

    /// <summary>[16 tokens][valueDim]</summary>
    public float* Values(int layer, int page, int kvHead) => Keys(layer, page, kvHead) + _headDim * Lanes;

    /// <summary>Stores the key and value of one token.</summary>
    public void Store(int layer, int page, int kvHead, int slot, float* key, float* value)
    {
        float* keys = Keys(layer, page, kvHead) + slot;
        float* values = Values(layer, page, kvHead) + slot * ValueDim;
        for (int d = 0; d < _headDim; d++)
        {
            keys[d * Lanes] = key[d];
            values[d] = value[d];
        }
    }

    /// <summary>Copies a page in every layer.</summary>
    public void Copy(int from, int to)
    {
        long length = _kvHeads * _blockLength;
        for (int layer = 0; layer < _layers; layer++)
            Buffer.MemoryCopy(Keys(layer, from, 0), Keys(layer, to, 0), length * sizeof(float), length * sizeof(float));
    }

    /// <summary>Forgets all pages and gives their memory back.</summary>
    public void Discard() => _blocks.Discard();

    public void Dispose() => _blocks.Dispose();

    private static int ValueDimOf(ModelConfig config) => (config.HeadDim + Lanes - 1) / Lanes * Lanes;

    private static long BlockLength(ModelConfig config) => PagePool.PageTokens * (config.HeadDim + ValueDimOf(config));
}
