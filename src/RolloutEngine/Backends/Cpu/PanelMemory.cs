namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Memory of matrices that are not in use any more, for those that follow them: the system takes longer to provide a gigabyte than it takes to
/// pack one. Thread-safe.
/// </summary>
internal sealed class PanelMemory : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<NativeBuffer<byte>> _spare = [];

    /// <summary>Bytes that nobody uses.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
                return _spare.Sum(buffer => buffer.Bytes);
        }
    }

    /// <summary>A buffer of this size; what is in it is not defined.</summary>
    public NativeBuffer<byte> Rent(long bytes)
    {
        lock (_lock)
        {
            int index = _spare.FindIndex(buffer => buffer.Bytes == bytes);
            if (index >= 0)
            {
                NativeBuffer<byte> buffer = _spare[index];
                _spare.RemoveAt(index);
                return buffer;
            }
        }

        return NativeBuffer<byte>.Zeroed(bytes);
    }

    /// <summary>Keeps a buffer for the next who needs one of its size.</summary>
    public void Return(NativeBuffer<byte> buffer)
    {
        lock (_lock)
            _spare.Add(buffer);
    }

    /// <summary>Gives what nobody uses back to the system.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _spare.ForEach(buffer => buffer.Dispose());
            _spare.Clear();
        }
    }
}
