using System.Buffers;
using System.IO.Hashing;
using System.IO.Pipelines;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Win32.SafeHandles;

namespace AgentRollout.Gateway.Weights;

/// <summary>
/// Weights that are on their way: a safetensors file whose header is there and whose bytes arrive in any order, from several senders at
/// once. A piece counts when all of it has arrived; a piece that is sent again replaces the first. Thread-safe.
/// </summary>
internal sealed class StagedUpdate : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly ByteRanges _arrived = new();
    private readonly Lock _lock = new();
    private int _writers;
    private bool _isClosed;

    /// <param name="id">Names the update.</param>
    /// <param name="path">The file to be made.</param>
    /// <param name="body">What will come.</param>
    /// <param name="started">When the update began, as a timestamp.</param>
    /// <exception cref="RolloutEngine.EngineException">The tensors make no file.</exception>
    /// <exception cref="IOException">There is no room for them.</exception>
    public StagedUpdate(string id, string path, BeginUpdateBody body, long started)
    {
        (Id, Path, Body, Started) = (id, path, body, started);
        Layout = new SafetensorsLayout(body.Tensors.Select(tensor => new TensorShape(tensor.Name, tensor.Dtype, tensor.Shape)));
        _file = File.OpenHandle(
            path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, preallocationSize: Layout.FileBytes);
        RandomAccess.SetLength(_file, Layout.FileBytes);
        RandomAccess.Write(_file, Layout.Header.Span, 0);
    }

    public string Id { get; }

    public string Path { get; }

    public BeginUpdateBody Body { get; }

    public long Started { get; }

    public SafetensorsLayout Layout { get; }

    /// <summary>How far it is.</summary>
    public UpdateProgress Progress
    {
        get
        {
            lock (_lock)
            {
                string[] missing = Body.Direct
                    ? []
                    : [.. Layout.Slots.Where(slot => !_arrived.Covers(slot.Offset, slot.Offset + slot.Bytes)).Select(slot => slot.Tensor.Name)];
                return new UpdateProgress(Id, Layout.DataBytes, _arrived.Count, [.. missing.Take(20)], missing.Length);
            }
        }
    }

    /// <summary>Writes a piece.</summary>
    /// <param name="start">Where it begins, counted from the first tensor's first byte.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="body">Its bytes.</param>
    /// <param name="crc32">What they must add up to, or null.</param>
    /// <param name="cancellationToken">The sender is gone; nothing of the piece counts.</param>
    /// <exception cref="InvalidInputException">The piece is too long, too short, or not what its CRC says.</exception>
    public async Task<UpdateProgress> WriteAsync(long start, long end, PipeReader body, uint? crc32, CancellationToken cancellationToken)
    {
        Enter(start, end);
        try
        {
            long written = await CopyAsync(start, end, body, crc32, cancellationToken);
            if (written < end - start)
                throw Wrong($"The body has {written} bytes; {end - start} belong there.");
            lock (_lock)
                _arrived.Add(start, end);
        }
        finally
        {
            lock (_lock)
                _writers--;
        }

        return Progress;
    }

    /// <summary>From now on nothing is written, until <see cref="Reopen"/>.</summary>
    /// <exception cref="ConflictException">Pieces are being written, or the update is being committed.</exception>
    public void Close()
    {
        lock (_lock)
        {
            if (_isClosed)
                throw new ConflictException(ProblemCodes.UpdateBusy, $"Update '{Id}' is being committed.");
            if (_writers > 0)
                throw new ConflictException(ProblemCodes.UpdateBusy, $"Update '{Id}' cannot be committed: {_writers} requests are still writing to it.");
            _isClosed = true;
        }
    }

    public void Reopen()
    {
        lock (_lock)
            _isClosed = false;
    }

    public void Dispose() => _file.Dispose();

    private void Enter(long start, long end)
    {
        if (Body.Direct)
            throw Wrong($"Update '{Id}' is a direct one: its bytes are written into '{Path}'.");
        lock (_lock)
        {
            if (_isClosed)
                throw new ConflictException(ProblemCodes.UpdateBusy, $"Update '{Id}' is being committed.");
            _writers++;
            _arrived.Remove(start, end);
        }
    }

    private async Task<long> CopyAsync(long start, long end, PipeReader body, uint? crc32, CancellationToken cancellationToken)
    {
        Crc32? crc = crc32 is null ? null : new Crc32();
        List<ReadOnlyMemory<byte>> parts = [];
        long position = start;
        while (true)
        {
            ReadResult read = await body.ReadAsync(cancellationToken);
            if (read.Buffer.Length > end - position)
                throw Wrong($"The body is longer than the {end - start} bytes that belong there.");
            parts.Clear();
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
            {
                parts.Add(part);
                crc?.Append(part.Span);
            }

            RandomAccess.Write(_file, parts, Layout.Header.Length + position);
            position += read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                break;
        }

        if (crc is not null && crc.GetCurrentHashAsUInt32() is var found && found != crc32)
            throw new InvalidInputException(ProblemCodes.ChecksumMismatch, $"The body's CRC-32 is {found:x8}; {crc32:x8} was announced.");
        return position - start;
    }

    private static InvalidInputException Wrong(string message) => new(ProblemCodes.InvalidValue, message);
}
