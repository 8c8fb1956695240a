namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>A block of four rows as bytes, each group of 64 inputs with a scale of its own; further blocks follow in memory.</summary>
internal readonly unsafe struct QuantizedRows(sbyte* values, float* scales, int* offsets, int groups)
{
    /// <summary>[input / 4][row][input mod 4]</summary>
    public sbyte* Values => values;

    /// <summary>[group][row]</summary>
    public float* Scales => scales;

    /// <summary>[group][row]: -128 times the sum of the values, which undoes that weights are 128 too high.</summary>
    public int* Offsets => offsets;

    /// <summary>Groups of a row.</summary>
    public int Groups => groups;

    public QuantizedRows Next =>
        new(values + (nint)groups * Int8Panel.GroupInputs * RowBlocks.Rows, scales + groups * RowBlocks.Rows, offsets + groups * RowBlocks.Rows, groups);

    /// <summary>One group of the block.</summary>
    public QuantizedRows Group(int group) =>
        new(values + (nint)group * Int8Panel.GroupInputs * RowBlocks.Rows, scales + group * RowBlocks.Rows, offsets + group * RowBlocks.Rows, groups: 1);
}
