using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Memory outside the garbage collector's heap, aligned to cache lines. The system provides pages as they are first touched.</summary>
internal sealed unsafe class NativeBuffer<T> : IDisposable where T : unmanaged
{
    private const int Alignment = 64;

    private T* _pointer;

    private NativeBuffer(long length)
    {
        Length = length;
        _pointer = (T*)NativeMemory.AlignedAlloc((nuint)length * (nuint)sizeof(T), Alignment);
    }

    ~NativeBuffer() => Free();

    public long Length { get; }

    public long Bytes => Length * sizeof(T);

    public T* Pointer => _pointer;

    /// <summary>Memory with arbitrary content.</summary>
    public static NativeBuffer<T> Uninitialized(long length) => new(length);

    public static NativeBuffer<T> Zeroed(long length)
    {
        NativeBuffer<T> buffer = new(length);
        NativeMemory.Clear(buffer._pointer, (nuint)length * (nuint)sizeof(T));
        return buffer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer is null)
            return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
