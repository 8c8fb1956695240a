using System.IO.Hashing;
using System.Text;
using AgentRollout.RolloutEngine.Weights;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Weights;

/// <summary>Files that are written by the layout, and the checksum of what is in them.</summary>
public sealed class SafetensorsLayoutTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void What_a_layout_says_is_what_a_reader_finds()
    {
        Random random = new(3);
        for (int round = 0; round < 50; round++)
        {
            TensorShape[] tensors = [.. Enumerable.Range(0, random.Next(1, 9)).Select(i => new TensorShape(
                $"tensor \"{i}\" é", random.Next(2) == 0 ? "F32" : "BF16", [.. Enumerable.Range(0, random.Next(0, 4)).Select(_ => (long)random.Next(0, 7))]))];
            SafetensorsLayout layout = new(tensors, new Dictionary<string, string> { ["round"] = "1" });
            byte[] data = new byte[layout.DataBytes];
            random.NextBytes(data);
            File.WriteAllBytes(_path, [.. layout.Header.Span, .. data]);

            Assert.Equal(0, layout.Header.Length % 8);
            Assert.Equal(new FileInfo(_path).Length, layout.FileBytes);
            using SafetensorsFile file = SafetensorsFile.Open(_path);
            Assert.Equal(tensors.Length, file.Names.Count);
            foreach (TensorSlot slot in layout.Slots)
                AssertSame(slot, file, data);
        }
    }

    [Theory]
    [InlineData("F33", "4", "Tensor 'w' has the unknown dtype 'F33'; known: BF16, BOOL, F16, F32, F64, F8_E4M3, F8_E5M2, I16, I32, I64, I8, U16, U32, U64, U8.")]
    [InlineData("F32", "-1", "Tensor 'w' has the impossible shape [-1].")]
    [InlineData("F32", "4611686018427387904,2", "Tensor 'w' has the impossible shape [4611686018427387904, 2].")]
    public void An_impossible_tensor_is_refused_by_name(string dtype, string shape, string expected) => Assert.Equal(
        expected, Assert.Throws<EngineException>(() => new SafetensorsLayout([new TensorShape("w", dtype, [.. shape.Split(',').Select(long.Parse)])])).Message);

    [Fact]
    public void A_tensor_listed_twice_is_refused() => Assert.Equal(
        "Tensor 'w' is listed twice.",
        Assert.Throws<EngineException>(() => new SafetensorsLayout([new TensorShape("w", "F32", []), new TensorShape("w", "F32", [1])])).Message);

    [Fact]
    public void A_checksum_sees_every_byte_name_and_shape_and_not_the_order_of_tensors()
    {
        string total = Write(("a", [2], [1, 2]), ("b", [1], [3])).Total;
        Assert.Equal(total, Write(("b", [1], [3]), ("a", [2], [1, 2])).Total);
        Assert.NotEqual(total, Write(("a", [2], [1, 2.5f]), ("b", [1], [3])).Total);
        Assert.NotEqual(total, Write(("a", [2, 1], [1, 2]), ("b", [1], [3])).Total);
        Assert.NotEqual(total, Write(("a", [2], [1, 2]), ("c", [1], [3])).Total);
        WeightChecksum checksum = Write(("a", [2], [1, 2]), ("b", [1], [3]));
        Assert.Equal(Crc32.HashToUInt32(BitConverter.GetBytes(3f)), checksum.Tensors["b"]);
        string lines = $"a F32 [2] {checksum.Tensors["a"]:x8}\nb F32 [1] {checksum.Tensors["b"]:x8}\n";
        Assert.Equal($"sha256:{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(lines)))}", checksum.Total);
    }

    public void Dispose() => File.Delete(_path);

    private WeightChecksum Write(params (string Name, long[] Shape, float[] Values)[] tensors)
    {
        SafetensorsLayout layout = new(tensors.Select(tensor => new TensorShape(tensor.Name, "F32", tensor.Shape)));
        File.WriteAllBytes(_path, [.. layout.Header.Span, .. tensors.SelectMany(tensor => tensor.Values).SelectMany(BitConverter.GetBytes)]);
        return WeightChecksum.Compute(_path);
    }

    private static unsafe void AssertSame(TensorSlot slot, SafetensorsFile file, byte[] data)
    {
        Assert.True(file.TryGet(slot.Tensor.Name, out TensorView view));
        Assert.Equal(slot.Tensor.Dtype, view.Dtype);
        Assert.Equal(slot.Tensor.Shape, view.Shape.ToArray());
        Assert.Equal(slot.Bytes, view.ByteCount);
        Assert.True(new ReadOnlySpan<byte>(view.Data, (int)slot.Bytes).SequenceEqual(data.AsSpan((int)slot.Offset, (int)slot.Bytes)));
    }
}
