using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Rows as products read them: in blocks of four, [row / 4][column][row mod 4], or [row / 4][column / n][row mod 4][column mod n] where n
/// numbers share a word. Columns are padded with zeros that nothing writes; rows of the last block that are not in use hold old numbers,
/// whose products nobody takes.
/// </summary>
internal sealed unsafe class RowBlocks : IDisposable
{
    /// <summary>Rows of a block.</summary>
    public const int Rows = 4;

    /// <summary>Columns that are converted together: what shares a scale as <see cref="RowFormat.Int8"/>.</summary>
    public const int GroupColumns = Int8Panel.GroupInputs;

    private readonly NativeBuffer<byte> _values;
    private readonly NativeBuffer<float>? _scales;
    private readonly NativeBuffer<int>? _offsets;
    private readonly int _groups;
    private readonly nint _blockBytes;

    public RowBlocks(int rows, int columns, RowFormat format)
    {
        Format = format;
        _groups = Int8Panel.GroupsFor(columns);
        BlockStride = (nint)_groups * GroupColumns * Rows;
        _blockBytes = BlockStride * format switch
        {
            RowFormat.Float32 => sizeof(float),
            RowFormat.BFloat16 => sizeof(ushort),
            _ => sizeof(sbyte),
        };
        _values = NativeBuffer<byte>.Zeroed(CountFor(rows) * _blockBytes);
        if (format != RowFormat.Int8)
            return;
        _scales = NativeBuffer<float>.Zeroed((long)CountFor(rows) * Rows * _groups);
        _offsets = NativeBuffer<int>.Zeroed((long)CountFor(rows) * Rows * _groups);
    }

    public RowFormat Format { get; }

    /// <summary>Numbers from one block to the next.</summary>
    public nint BlockStride { get; }

    /// <summary>Blocks that hold this many rows.</summary>
    public static int CountFor(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>[column][4], where the format is <see cref="RowFormat.Float32"/>.</summary>
    public float* Block(int block) => (float*)(_values.Pointer + block * _blockBytes);

    /// <summary>[column / 2][4] words, where the format is <see cref="RowFormat.BFloat16"/>.</summary>
    public uint* Pairs(int block) => (uint*)(_values.Pointer + block * _blockBytes);

    /// <summary>Where the format is <see cref="RowFormat.Int8"/>.</summary>
    public QuantizedRows Quantized(int block) => new(
        (sbyte*)_values.Pointer + block * _blockBytes, _scales!.Pointer + (nint)block * Rows * _groups, _offsets!.Pointer + (nint)block * Rows * _groups, _groups);

    /// <summary>Stores part of a row of floats.</summary>
    public void Store(int row, int firstColumn, float* values, int count)
    {
        float* target = Block(row / Rows) + (nint)firstColumn * Rows + row % Rows;
        for (nint i = 0; i < count; i++)
            target[i * Rows] = values[i];
    }

    /// <summary>Stores some columns of all four rows of a block.</summary>
    /// <param name="kernels">Convert them.</param>
    /// <param name="block">The rows.</param>
    /// <param name="firstColumn">A multiple of 64.</param>
    /// <param name="count">Columns.</param>
    /// <param name="rows">[4][stride], zero from the last column of all up to a multiple of four.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    [SkipLocalsInit]
    public void Write(KernelSet kernels, int block, int firstColumn, int count, float* rows, nint stride)
    {
        float* group = stackalloc float[GroupColumns * Rows];
        for (int column = 0; column < count; column += GroupColumns)
        {
            int taken = Math.Min(GroupColumns, count - column), padded = (taken + 3) & ~3;
            nint first = firstColumn + column;
            if (Format == RowFormat.Float32)
            {
                RowTransposer.Interleave(rows + column, stride, padded, Block(block) + first * Rows);
                continue;
            }

            RowTransposer.Interleave(rows + column, stride, padded, group);
            new Span<float>(group + padded * Rows, (GroupColumns - padded) * Rows).Clear();
            if (Format == RowFormat.BFloat16)
                BFloat16Rounder.Block(group, Pairs(block) + first / 2 * Rows);
            else
                kernels.Quantize(group, Quantized(block).Group((int)first / GroupColumns));
        }
    }

    public void Dispose()
    {
        foreach (IDisposable? buffer in (ReadOnlySpan<IDisposable?>)[_values, _scales, _offsets])
            buffer?.Dispose();
    }
}
