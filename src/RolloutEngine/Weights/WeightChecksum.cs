using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// Tells weights apart, and finds bytes that got lost on the way: the CRC-32 (zlib's) of every tensor, and the SHA-256 of the lines
/// <c>name dtype shape crc</c>, names in ordinal order, such as <c>model.norm.weight F32 [128] 0a1b2c3d</c>. It says nothing about intent.
/// </summary>
/// <param name="Total"><c>sha256:</c> and 64 hexadecimal digits.</param>
/// <param name="Tensors">CRC-32 of each tensor's bytes.</param>
/// <param name="Bytes">Bytes of all tensors.</param>
public sealed record WeightChecksum(string Total, IReadOnlyDictionary<string, uint> Tensors, long Bytes)
{
    /// <summary>Reads all tensors of a model folder or safetensors file, in parallel.</summary>
    /// <exception cref="EngineException">The folder or file is missing or damaged.</exception>
    public static WeightChecksum Compute(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        TensorView[] tensors = [.. checkpoint.Tensors];
        uint[] crcs = new uint[tensors.Length];
        // The largest first, so that no thread is left alone with one.
        int[] order = [.. Enumerable.Range(0, tensors.Length).OrderByDescending(i => tensors[i].ByteCount)];
        Parallel.ForEach(order, i => crcs[i] = Crc(tensors[i]));

        StringBuilder lines = new();
        Dictionary<string, uint> byName = [];
        for (int i = 0; i < tensors.Length; i++)
        {
            byName.Add(tensors[i].Name, crcs[i]);
            lines.Append(CultureInfo.InvariantCulture, $"{tensors[i].Name} {tensors[i].Dtype} [{string.Join(", ", tensors[i].Shape.ToArray())}] {crcs[i]:x8}\n");
        }

        string total = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())))}";
        return new WeightChecksum(total, byName, tensors.Sum(tensor => tensor.ByteCount));
    }

    private static unsafe uint Crc(TensorView tensor)
    {
        const int block = 1 << 20;
        Crc32 crc = new();
        for (long done = 0; done < tensor.ByteCount; done += block)
            crc.Append(new ReadOnlySpan<byte>(tensor.Data + done, (int)Math.Min(block, tensor.ByteCount - done)));
        return crc.GetCurrentHashAsUInt32();
    }
}
