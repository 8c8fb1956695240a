using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace AgentRollout.Gateway.Bench;

/// <summary>A plain copy of a mapped file's bytes to memory that was used before.</summary>
internal sealed unsafe class WeightCopy : IDisposable
{
    private const long Block = 1 << 22;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly ParallelOptions _parallel;
    private readonly byte* _source;
    private readonly byte* _target;
    private readonly long _bytes;

    public WeightCopy(string path, int threads)
    {
        _bytes = new FileInfo(path).Length;
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, _bytes, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _source);
        _target = (byte*)NativeMemory.AllocZeroed((nuint)_bytes);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
    }

    public void Run() => Parallel.For(0, (_bytes + Block - 1) / Block, _parallel, block =>
    {
        long start = block * Block, length = Math.Min(Block, _bytes - start);
        Buffer.MemoryCopy(_source + start, _target + start, length, length);
    });

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
        NativeMemory.Free(_target);
    }
}
