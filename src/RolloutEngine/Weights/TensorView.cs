using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>A tensor inside a mapped file; valid while its <see cref="SafetensorsFile"/> is open.</summary>
internal readonly unsafe struct TensorView(string name, string dtype, long[] shape, byte* data)
{
    public string Name => name;

    /// <summary>The name that the file gives its number format, such as <c>BF16</c>.</summary>
    public string Dtype => dtype;

    public ReadOnlySpan<long> Shape => shape;

    /// <summary>Row-major, little-endian, in the file.</summary>
    public byte* Data => data;

    public bool IsBFloat16 => dtype == "BF16";

    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (long length in shape)
                count *= length;
            return count;
        }
    }

    public long ByteCount => ElementCount * SafetensorsLayout.ElementSizes[dtype];

    /// <summary>Throws unless the shape is this one and the numbers are of a kind that the engine computes with.</summary>
    public TensorView Expect(params ReadOnlySpan<int> expected)
    {
        if (dtype is not ("F32" or "F16" or "BF16"))
            throw new EngineException($"Tensor '{name}' has dtype {dtype}; supported dtypes: F32, F16, BF16.");
        bool matches = shape.Length == expected.Length;
        for (int i = 0; matches && i < shape.Length; i++)
            matches = shape[i] == expected[i];
        return matches
            ? this
            : throw new EngineException($"Tensor '{name}' has shape [{string.Join(", ", shape)}]; the configuration expects [{string.Join(", ", expected.ToArray())}].");
    }

    /// <summary>Widens <paramref name="count"/> elements from element <paramref name="start"/> on; exact for every supported dtype.</summary>
    public void CopyTo(long start, int count, float* target)
    {
        switch (dtype)
        {
            case "F32":
                new ReadOnlySpan<float>((float*)data + start, count).CopyTo(new Span<float>(target, count));
                break;
            case "F16":
                for (int i = 0; i < count; i++)
                    target[i] = (float)((Half*)data)[start + i];
                break;
            case "BF16":
                WidenBFloat16((ushort*)data + start, count, (uint*)target);
                break;
            default:
                throw new InvalidOperationException($"Tensor '{name}' was not checked by {nameof(Expect)}.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBFloat16(ushort* source, int count, uint* target)
    {
        int i = 0;
        for (; i + Vector128<ushort>.Count <= count; i += Vector128<ushort>.Count)
        {
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(Vector128.Load(source + i));
            (lower << 16).Store(target + i);
            (upper << 16).Store(target + i + Vector128<uint>.Count);
        }

        for (; i < count; i++)
            target[i] = (uint)source[i] << 16;
    }
}
