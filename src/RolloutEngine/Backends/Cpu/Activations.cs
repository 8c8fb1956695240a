using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Rows of floats, [row][stride], up to a whole block of them. The stride leaves zeros behind the last column and keeps rows out of each other's cache sets.</summary>
internal sealed unsafe class Activations : IDisposable
{
    private readonly NativeBuffer<float> _values;

    public Activations(int rows, int columns)
    {
        Columns = columns;
        Stride = (columns + PackedMatrix.PanelOutputs - 1) / PackedMatrix.PanelOutputs * PackedMatrix.PanelOutputs + Lanes.Count;
        _values = NativeBuffer<float>.Zeroed((long)RowBlocks.CountFor(rows) * RowBlocks.Rows * Stride);
    }

    public int Columns { get; }

    /// <summary>Floats from one row to the next.</summary>
    public int Stride { get; }

    public float* Row(int row) => _values.Pointer + (long)row * Stride;

    public void Dispose() => _values.Dispose();
}
