using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Rows of floats as products read them: in blocks of four, [row / 4][column][row mod 4]. Columns are padded with zeros that nothing
/// writes; rows of the last block that are not in use hold old numbers, whose products nobody takes.
/// </summary>
internal sealed unsafe class RowBlocks : IDisposable
{
    /// <summary>Rows of a block.</summary>
    public const int Rows = 4;

    private readonly NativeBuffer<float> _values;
    private readonly NativeBuffer<sbyte>? _quantized;
    private readonly NativeBuffer<float>? _scales;
    private readonly NativeBuffer<int>? _offsets;
    private readonly int _groups;

    /// <param name="quantizable">Whether <see cref="Quantize"/> will be used.</param>
    public RowBlocks(int rows, int columns, bool quantizable)
    {
        _groups = Int8Panel.GroupsFor(columns);
        BlockStride = (nint)_groups * Int8Panel.GroupInputs * Rows;
        _values = NativeBuffer<float>.Zeroed(CountFor(rows) * BlockStride);
        if (!quantizable)
            return;
        _quantized = NativeBuffer<sbyte>.Zeroed(CountFor(rows) * BlockStride);
        _scales = NativeBuffer<float>.Zeroed((long)CountFor(rows) * Rows * _groups);
        _offsets = NativeBuffer<int>.Zeroed((long)CountFor(rows) * Rows * _groups);
    }

    /// <summary>Floats from one block to the next.</summary>
    public nint BlockStride { get; }

    /// <summary>Blocks that hold this many rows.</summary>
    public static int CountFor(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>[column][4]</summary>
    public float* Block(int block) => _values.Pointer + block * BlockStride;

    /// <summary>Stores part of a row.</summary>
    public void Store(int row, int firstColumn, float* values, int count)
    {
        float* target = Block(row / Rows) + (nint)firstColumn * Rows + row % Rows;
        for (nint i = 0; i < count; i++)
            target[i * Rows] = values[i];
    }

    /// <summary>Brings a complete block up to date for products with quantised weights.</summary>
    public void Quantize(KernelSet kernels, int block) => kernels.Quantize(Block(block), Quantized(block));

    public QuantizedRows Quantized(int block) => new(
        _quantized!.Pointer + block * BlockStride, _scales!.Pointer + (nint)block * Rows * _groups, _offsets!.Pointer + (nint)block * Rows * _groups, _groups);

    public void Dispose()
    {
        foreach (IDisposable? buffer in (ReadOnlySpan<IDisposable?>)[_values, _quantized, _scales, _offsets])
            buffer?.Dispose();
    }
}
