using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Memory of one worker of a <see cref="CpuTransformer"/>.</summary>
/// <param name="config">The model's shape.</param>
/// <param name="tileRows">Rows of a tile of a product.</param>
/// <param name="rows">Rows that are attended together.</param>
/// <param name="valueDim">The head dimension as values are stored.</param>
/// <param name="contextLength">Most tokens of a sequence.</param>
internal sealed unsafe class CpuScratch(ModelConfig config, int tileRows, int rows, int valueDim, int contextLength) : IDisposable
{
    private readonly NativeBuffer<float> _tile = NativeBuffer<float>.Zeroed(tileRows * PackedMatrix.PanelOutputs);
    private readonly NativeBuffer<float> _gated = NativeBuffer<float>.Zeroed(tileRows * RowBlocks.GroupColumns);
    private readonly NativeBuffer<float> _queries = NativeBuffer<float>.Zeroed(rows * config.HeadDim);
    private readonly NativeBuffer<float> _attended = NativeBuffer<float>.Zeroed(rows * valueDim);
    private readonly NativeBuffer<float> _scores = NativeBuffer<float>.Zeroed(
        (long)rows * (PagePool.PagesFor(contextLength) + 1) * PagePool.PageTokens);

    /// <summary>The rows of a block, before they are stored where products read them.</summary>
    public Activations Normed { get; } = new(RowBlocks.Rows, config.HiddenSize);

    /// <summary>[row][32]</summary>
    public float* Tile => _tile.Pointer;

    /// <summary>[row][64]</summary>
    public float* Gated => _gated.Pointer;

    /// <summary>[row][headDim]</summary>
    public float* Queries => _queries.Pointer;

    /// <summary>[row][slot]</summary>
    public float* Scores => _scores.Pointer;

    /// <summary>[row][valueDim]</summary>
    public float* Attended => _attended.Pointer;

    public void Dispose()
    {
        foreach (IDisposable buffer in (ReadOnlySpan<IDisposable>)[_tile, _gated, _queries, _attended, _scores, Normed])
            buffer.Dispose();
    }
}
