using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Zeroed memory outside the garbage collector's heap, aligned to cache lines; large buffers lie in huge pages. The system provides pages
/// as they are first touched.
/// </summary>
internal sealed unsafe class NativeBuffer<T> : IDisposable where T : unmanaged
{
    private const int Alignment = 64;

    /// <summary>From this size on a buffer is mapped by itself.</summary>
    private const long MappedBytes = 1 << 20;

    private readonly bool _mapped;
    private T* _pointer;

    private NativeBuffer(long length)
    {
        Length = length;
        _mapped = SystemMemory.CanMap && Bytes >= MappedBytes;
        _pointer = (T*)(_mapped ? SystemMemory.Map((nuint)Bytes) : NativeMemory.AlignedAlloc((nuint)Bytes, Alignment));
        if (_pointer is null)
            throw new EngineException($"The system has no {Bytes} bytes of memory left for the engine.");
        if (!_mapped)
            NativeMemory.Clear(_pointer, (nuint)Bytes);
    }

    ~NativeBuffer() => Free();

    public long Length { get; }

    public long Bytes => Length * sizeof(T);

    public T* Pointer => _pointer;

    public static NativeBuffer<T> Zeroed(long length) => new(length);

    /// <summary>Makes everything zero, and gives the memory back to the system where the buffer is large.</summary>
    public void Discard()
    {
        if (_mapped)
            SystemMemory.Discard(_pointer, (nuint)Bytes);
        else
            NativeMemory.Clear(_pointer, (nuint)Bytes);
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
        if (_mapped)
            SystemMemory.Unmap(_pointer, (nuint)Bytes);
        else
            NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
