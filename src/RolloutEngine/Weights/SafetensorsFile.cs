using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// A memory-mapped safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes. The header is checked as a whole when
/// the file is opened, so that a damaged file is refused before a byte of it is computed with.
/// </summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private const int LengthBytes = SafetensorsLayout.LengthBytes;
    private const long LongestHeader = 100_000_000;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly byte* _data;

    private SafetensorsFile(string path, MemoryMappedFile file, long fileLength)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, fileLength, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += _view.PointerOffset;
        Path = path;
        try
        {
            long headerLength = HeaderLength(start, fileLength);
            _data = start + LengthBytes + headerLength;
            ReadHeader(new ReadOnlySpan<byte>(start + LengthBytes, (int)headerLength), fileLength - LengthBytes - headerLength);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Maps a file.</summary>
    /// <exception cref="EngineException">The file is missing or damaged.</exception>
    public static SafetensorsFile Open(string path)
    {
        FileInfo info = new(path);
        if (!info.Exists)
            throw new EngineException($"The weights file '{path}' does not exist.");
        if (info.Length < LengthBytes)
            throw new EngineException($"'{path}' is {info.Length} bytes long, too short for a safetensors file.");
        MemoryMappedFile file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        try
        {
            return new SafetensorsFile(path, file, info.Length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of this name, if the file has it.</summary>
    public bool TryGet(string name, out TensorView tensor)
    {
        bool found = _entries.TryGetValue(name, out Entry entry);
        tensor = found ? new TensorView(name, entry.Dtype, entry.Shape, _data + entry.Begin) : default;
        return found;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private long HeaderLength(byte* start, long fileLength)
    {
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(start, LengthBytes));
        if (length > LongestHeader)
            throw Damaged($"its header claims {length} bytes, more than the {LongestHeader} allowed");
        return (long)length <= fileLength - LengthBytes
            ? (long)length
            : throw Damaged($"its header claims {length} bytes, but only {fileLength - LengthBytes} follow: the file is truncated");
    }

    private void ReadHeader(ReadOnlySpan<byte> json, long dataLength)
    {
        try
        {
            Utf8JsonReader reader = new(json);
            using JsonDocument header = JsonDocument.ParseValue(ref reader);
            foreach (JsonProperty tensor in header.RootElement.EnumerateObject())
            {
                if (tensor.Name != "__metadata__" && !_entries.TryAdd(tensor.Name, ReadEntry(tensor, dataLength)))
                    throw Damaged($"tensor '{tensor.Name}' is listed twice");
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new EngineException($"'{Path}' is not a valid safetensors file: its header cannot be read ({exception.Message.TrimEnd('.')}).", exception);
        }

        RefuseOverlaps();
    }

    private Entry ReadEntry(JsonProperty tensor, long dataLength)
    {
        string dtype = tensor.Value.GetProperty("dtype").GetString() ?? "null";
        if (!SafetensorsLayout.ElementSizes.TryGetValue(dtype, out int size))
            throw Damaged($"tensor '{tensor.Name}' has the unknown dtype '{dtype}'; known: {string.Join(", ", SafetensorsLayout.ElementSizes.Keys.Order())}");
        long[] shape = [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64())];
        if (tensor.Value.GetProperty("data_offsets") is not { ValueKind: JsonValueKind.Array } offsets || offsets.GetArrayLength() != 2)
            throw Damaged($"tensor '{tensor.Name}' does not have two data offsets");
        (long begin, long end) = (offsets[0].GetInt64(), offsets[1].GetInt64());

        Int128 bytes = size;
        foreach (long length in shape)
            bytes = length < 0 || bytes > long.MaxValue ? -1 : bytes * length;
        if (begin < 0 || end < begin || end - begin != bytes)
            throw Damaged($"tensor '{tensor.Name}' of {dtype} [{string.Join(", ", shape)}] has the offsets {begin} to {end}");
        if (end > dataLength)
            throw Damaged($"tensor '{tensor.Name}' ends at byte {end} of {dataLength}: the file is truncated");
        return new Entry(dtype, shape, begin, end);
    }

    private void RefuseOverlaps()
    {
        (string Name, Entry Entry)? previous = null;
        foreach ((string name, Entry entry) in _entries.Where(e => e.Value.End > e.Value.Begin).OrderBy(e => e.Value.Begin).Select(e => (e.Key, e.Value)))
        {
            if (previous is { } before && entry.Begin < before.Entry.End)
                throw Damaged($"tensors '{before.Name}' and '{name}' overlap");
            previous = (name, entry);
        }
    }

    private EngineException Damaged(string reason) => new($"'{Path}' is not a valid safetensors file: {reason}.");

    private readonly record struct Entry(string Dtype, long[] Shape, long Begin, long End);
}
