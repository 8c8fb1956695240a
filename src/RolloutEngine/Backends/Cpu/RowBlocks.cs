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

    public RowBlocks(int rows, int columns)
    {
        Columns = columns;
        BlockStride = (nint)PackedMatrix.PaddedInputs(columns) * Rows;
        _values = NativeBuffer<float>.Zeroed(CountFor(rows) * BlockStride);
    }

    public int Columns { get; }

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

    public void Dispose() => _values.Dispose();
}
