using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// Where the tensors of a safetensors file lie: 8 bytes of header length, a JSON header padded to a multiple of 8, then the tensors' bytes in
/// the order given, row-major and little-endian, without gaps (https://github.com/huggingface/safetensors#format).
/// </summary>
public sealed class SafetensorsLayout
{
    internal const int LengthBytes = 8;

    internal static readonly FrozenDictionary<string, int> ElementSizes = new Dictionary<string, int>
    {
        ["F64"] = 8, ["I64"] = 8, ["U64"] = 8, ["F32"] = 4, ["I32"] = 4, ["U32"] = 4, ["F16"] = 2, ["BF16"] = 2, ["I16"] = 2, ["U16"] = 2,
        ["F8_E4M3"] = 1, ["F8_E5M2"] = 1, ["I8"] = 1, ["U8"] = 1, ["BOOL"] = 1,
    }.ToFrozenDictionary();

    private readonly OrderedDictionary<string, TensorSlot> _slots = [];

    /// <param name="tensors">In the order in which their bytes follow.</param>
    /// <param name="metadata">Texts for the header's <c>__metadata__</c>; null for none.</param>
    /// <exception cref="EngineException">A name is used twice, a dtype is unknown or a shape is impossible.</exception>
    public SafetensorsLayout(IEnumerable<TensorShape> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        long end = 0;
        foreach (TensorShape tensor in tensors)
        {
            long bytes = BytesOf(tensor);
            if (!_slots.TryAdd(tensor.Name, new TensorSlot(tensor, end, bytes)))
                throw new EngineException($"Tensor '{tensor.Name}' is listed twice.");
            end = checked(end + bytes);
        }

        DataBytes = end;
        Header = WriteHeader(metadata);
    }

    /// <summary>Everything before the tensors' bytes.</summary>
    public ReadOnlyMemory<byte> Header { get; }

    /// <summary>Bytes of all tensors.</summary>
    public long DataBytes { get; }

    /// <summary>Bytes of the whole file.</summary>
    public long FileBytes => Header.Length + DataBytes;

    /// <summary>In the order in which they lie in the file.</summary>
    public IReadOnlyList<TensorSlot> Slots => [.. _slots.Values];

    /// <summary>The place of a tensor, or null.</summary>
    public TensorSlot? Find(string name) => _slots.GetValueOrDefault(name);

    private static long BytesOf(TensorShape tensor)
    {
        if (!ElementSizes.TryGetValue(tensor.Dtype, out int size))
            throw new EngineException($"Tensor '{tensor.Name}' has the unknown dtype '{tensor.Dtype}'; known: {string.Join(", ", ElementSizes.Keys.Order())}.");
        Int128 bytes = size;
        foreach (long length in tensor.Shape)
        {
            if (length < 0 || (bytes *= length) > long.MaxValue / 2)
                throw new EngineException($"Tensor '{tensor.Name}' has the impossible shape [{string.Join(", ", tensor.Shape)}].");
        }

        return (long)bytes;
    }

    private byte[] WriteHeader(IReadOnlyDictionary<string, string>? metadata)
    {
        using MemoryStream json = new();
        json.Write(stackalloc byte[LengthBytes]);
        using (Utf8JsonWriter writer = new(json))
        {
            writer.WriteStartObject();
            if (metadata is not null)
            {
                writer.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata)
                    writer.WriteString(key, value);
                writer.WriteEndObject();
            }

            foreach (TensorSlot slot in _slots.Values)
                Write(writer, slot);
            writer.WriteEndObject();
        }

        while (json.Length % LengthBytes != 0)
            json.WriteByte((byte)' ');
        byte[] header = json.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - LengthBytes);
        return header;
    }

    private static void Write(Utf8JsonWriter writer, TensorSlot slot)
    {
        writer.WriteStartObject(slot.Tensor.Name);
        writer.WriteString("dtype", slot.Tensor.Dtype);
        writer.WriteStartArray("shape");
        foreach (long length in slot.Tensor.Shape)
            writer.WriteNumberValue(length);
        writer.WriteEndArray();
        writer.WriteStartArray("data_offsets");
        writer.WriteNumberValue(slot.Offset);
        writer.WriteNumberValue(slot.Offset + slot.Bytes);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}

/// <summary>A tensor without its values.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Dtype">As safetensors writes it: <c>F32</c>, <c>BF16</c>.</param>
/// <param name="Shape">Lengths, outermost first.</param>
public sealed record TensorShape(string Name, string Dtype, IReadOnlyList<long> Shape);

/// <summary>A tensor's place among the bytes of all tensors.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Offset">Its first byte, counted from the end of the header.</param>
/// <param name="Bytes">How many there are.</param>
public sealed record TensorSlot(TensorShape Tensor, long Offset, long Bytes)
{
    /// <summary>Bytes of one step along dimension 0; of everything for a scalar.</summary>
    public long RowBytes => Tensor.Shape is [> 0 and var rows, ..] ? Bytes / rows : Bytes;
}
