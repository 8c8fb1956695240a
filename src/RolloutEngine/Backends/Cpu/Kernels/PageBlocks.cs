namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The pages of a sequence as a kernel finds them: all of one layer, head and kind.</summary>
internal readonly unsafe struct PageBlocks(byte* first, nint pageBytes, int* pages)
{
    /// <summary>The i-th page of the sequence.</summary>
    public byte* this[int i] => first + pages[i] * pageBytes;
}
