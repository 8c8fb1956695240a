using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The kernels of one vector width, chosen once at start. All widths give the same bits; see each kernel for shapes.</summary>
internal abstract unsafe class KernelSet
{
    /// <summary>Widths that this machine has, widest first; the last is <c>scalar</c>.</summary>
    public static IReadOnlyList<KernelSet> Supported { get; } = [.. Detect()];

    /// <summary>The widest that this machine has.</summary>
    public static KernelSet Widest => Supported[0];

    /// <summary><c>avx512-vnni-bf16</c>, <c>avx512-vnni</c>, <c>avx512</c>, <c>avx2-vnni</c>, <c>avx2</c>, <c>vector128</c> or <c>scalar</c>.</summary>
    public abstract string Name { get; }

    public abstract void MatMulBFloat16(float* input, nint blockStride, int rows, byte* panel, int pairs, float* tile);

    public abstract void MatMulFloat32(float* input, nint blockStride, int rows, byte* panel, int pairs, float* tile);

    /// <param name="next">The panel that will be used after this one.</param>
    public abstract void MatMulInt8(QuantizedRows input, int rows, byte* panel, byte* next, float* tile);

    /// <param name="next">The panel that will be used after this one.</param>
    public abstract void MatMulPairs(uint* input, nint blockStride, int rows, byte* panel, byte* next, int pairs, float* tile);

    public abstract void Quantize(float* block, QuantizedRows output);

    public abstract void RmsNorm(float* input, float* gain, int count, float epsilon, float* output);

    public abstract void LayerNorm(float* input, float* gain, float* bias, int count, float epsilon, float* output);

    public abstract void Gelu(float* values, int count);

    public abstract void Rope(float* head, float* rotation, int headDim);

    public abstract void SwiGlu(float* tile, int rows, float* output, nint stride);

    public abstract void Store(float* tile, int rows, float* bias, float* target, nint stride);

    public abstract void Add(float* tile, int rows, float* bias, float* target, nint stride);

    public abstract void Scores(KvCacheType type, float* queries, int rows, int headDim, PageBlocks keys, int pages, float* scores, nint scoreStride);

    public abstract void SumValues(KvCacheType type, float* weights, nint weightStride, int rows, PageBlocks values, int tokens, int valueDim, float* output);

    public abstract void AddValues(KvCacheType type, float* weights, PageBlocks values, int first, int tokens, int valueDim, float* output);

    public abstract void ScaleTokens(float* rows, int count, nint stride, PageBlocks scales, int pages);

    public abstract float Max(float* values, int count);

    public abstract float Exponentials(float* values, int count, float max, float scale, float* output);

    private static IEnumerable<KernelSet> Detect()
    {
        // Kernels are compiled once, so that the switch has to have its value by then to be a constant of theirs.
        RuntimeHelpers.RunClassConstructor(typeof(SoftwarePrefetch).TypeHandle);
        if (VnniCode.Instance is { } bytes && BFloat16Code.Instance is { } pairs)
            yield return new PairsKernelSet(bytes, pairs);
        if (VnniCode.Instance is { } code)
            yield return new VnniKernelSet(code);
        if (Vector512.IsHardwareAccelerated)
            yield return new BytesKernelSet<Simd512, Vector512<float>, Avx2Dot>("avx512");
        if (Vector256.IsHardwareAccelerated && AvxVnni.IsSupported)
            yield return new BytesKernelSet<Simd256, Vector256<float>, AvxVnniDot>("avx2-vnni");
        if (Vector256.IsHardwareAccelerated)
            yield return new BytesKernelSet<Simd256, Vector256<float>, Avx2Dot>("avx2");
        if (Vector128.IsHardwareAccelerated)
            yield return new KernelSet<Simd128, Vector128<float>>("vector128");
        yield return new KernelSet<Scalar, float>("scalar");
    }
}

/// <summary>Binds every kernel to one width.</summary>
internal unsafe class KernelSet<TSimd, TVector>(string name) : KernelSet
    where TSimd : ISimd<TVector> where TVector : struct
{
    public override string Name => name;

    public override void MatMulBFloat16(float* input, nint blockStride, int rows, byte* panel, int pairs, float* tile) =>
        MatMul.Panel<TSimd, TVector, BFloat16Panel>(input, blockStride, rows, panel, pairs, tile);

    public override void MatMulFloat32(float* input, nint blockStride, int rows, byte* panel, int pairs, float* tile) =>
        MatMul.Panel<TSimd, TVector, Float32Panel>(input, blockStride, rows, panel, pairs, tile);

    public override void MatMulInt8(QuantizedRows input, int rows, byte* panel, byte* next, float* tile) =>
        Kernels.MatMulInt8.Panel<TSimd, TVector>(input, rows, panel, tile);

    public override void MatMulPairs(uint* input, nint blockStride, int rows, byte* panel, byte* next, int pairs, float* tile) =>
        Kernels.MatMulPairs.Panel<TSimd, TVector>(input, blockStride, rows, panel, pairs, tile);

    public override void Quantize(float* block, QuantizedRows output) => Quantizer.Block<TSimd, TVector>(block, output);

    public override void RmsNorm(float* input, float* gain, int count, float epsilon, float* output) =>
        Kernels.RmsNorm.Apply<TSimd, TVector>(input, gain, count, epsilon, output);

    public override void LayerNorm(float* input, float* gain, float* bias, int count, float epsilon, float* output) =>
        Kernels.LayerNorm.Apply<TSimd, TVector>(input, gain, bias, count, epsilon, output);

    public override void Gelu(float* values, int count) => Kernels.Gelu.Apply<TSimd, TVector>(values, count);

    public override void Rope(float* head, float* rotation, int headDim) =>
        Kernels.Rope.Apply<TSimd, TVector>(head, rotation, headDim);

    public override void SwiGlu(float* tile, int rows, float* output, nint stride) =>
        Kernels.SwiGlu.Apply<TSimd, TVector>(tile, rows, output, stride);

    public override void Store(float* tile, int rows, float* bias, float* target, nint stride) =>
        Epilogue.Store<TSimd, TVector>(tile, rows, bias, target, stride);

    public override void Add(float* tile, int rows, float* bias, float* target, nint stride) =>
        Epilogue.Add<TSimd, TVector>(tile, rows, bias, target, stride);

    public override void Scores(KvCacheType type, float* queries, int rows, int headDim, PageBlocks keys, int pages, float* scores, nint scoreStride)
    {
        switch (type)
        {
            case KvCacheType.Float16:
                Attention.Scores<TSimd, TVector, Float16Panel>(queries, rows, headDim, keys, pages, scores, scoreStride);
                break;
            case KvCacheType.Bfloat16:
                Attention.Scores<TSimd, TVector, BFloat16Panel>(queries, rows, headDim, keys, pages, scores, scoreStride);
                break;
            case KvCacheType.Int8:
                Attention.Scores<TSimd, TVector, SignedBytePanel>(queries, rows, headDim, keys, pages, scores, scoreStride);
                break;
            default:
                Attention.Scores<TSimd, TVector, Float32Panel>(queries, rows, headDim, keys, pages, scores, scoreStride);
                break;
        }
    }

    public override void SumValues(KvCacheType type, float* weights, nint weightStride, int rows, PageBlocks values, int tokens, int valueDim, float* output)
    {
        switch (type)
        {
            case KvCacheType.Float16:
                Attention.SumValues<TSimd, TVector, Float16Panel>(weights, weightStride, rows, values, tokens, valueDim, output);
                break;
            case KvCacheType.Bfloat16:
                Attention.SumValues<TSimd, TVector, BFloat16Panel>(weights, weightStride, rows, values, tokens, valueDim, output);
                break;
            case KvCacheType.Int8:
                Attention.SumValues<TSimd, TVector, SignedBytePanel>(weights, weightStride, rows, values, tokens, valueDim, output);
                break;
            default:
                Attention.SumValues<TSimd, TVector, Float32Panel>(weights, weightStride, rows, values, tokens, valueDim, output);
                break;
        }
    }

    public override void AddValues(KvCacheType type, float* weights, PageBlocks values, int first, int tokens, int valueDim, float* output)
    {
        switch (type)
        {
            case KvCacheType.Float16:
                Attention.AddValues<TSimd, TVector, Float16Panel>(weights, values, first, tokens, valueDim, output);
                break;
            case KvCacheType.Bfloat16:
                Attention.AddValues<TSimd, TVector, BFloat16Panel>(weights, values, first, tokens, valueDim, output);
                break;
            case KvCacheType.Int8:
                Attention.AddValues<TSimd, TVector, SignedBytePanel>(weights, values, first, tokens, valueDim, output);
                break;
            default:
                Attention.AddValues<TSimd, TVector, Float32Panel>(weights, values, first, tokens, valueDim, output);
                break;
        }
    }

    public override void ScaleTokens(float* rows, int count, nint stride, PageBlocks scales, int pages) =>
        Attention.ScaleTokens<TSimd, TVector>(rows, count, stride, scales, pages);

    public override float Max(float* values, int count) => Softmax.Max<TSimd, TVector>(values, count);

    public override float Exponentials(float* values, int count, float max, float scale, float* output) =>
        Softmax.Exponentials<TSimd, TVector>(values, count, max, scale, output);
}

/// <summary>The same, with quantised products in integers.</summary>
internal sealed unsafe class BytesKernelSet<TSimd, TVector, TDot>(string name) : KernelSet<TSimd, TVector>(name)
    where TSimd : ISimd<TVector> where TVector : struct where TDot : IByteDot
{
    public override void MatMulInt8(QuantizedRows input, int rows, byte* panel, byte* next, float* tile) => MatMulBytes.Panel<TDot>(input, rows, panel, tile);
}

/// <summary>16 lanes, with quantised products by instructions that the framework does not offer.</summary>
internal unsafe class VnniKernelSet(VnniCode code, string name = "avx512-vnni") : KernelSet<Simd512, Vector512<float>>(name)
{
    public override void MatMulInt8(QuantizedRows input, int rows, byte* panel, byte* next, float* tile) => code.Panel(input, rows, panel, next, tile);
}

/// <summary>The same, with products of bfloat16 pairs too.</summary>
internal sealed unsafe class PairsKernelSet(VnniCode bytes, BFloat16Code pairs) : VnniKernelSet(bytes, "avx512-vnni-bf16")
{
    public override void MatMulPairs(uint* input, nint blockStride, int rows, byte* panel, byte* next, int count, float* tile) =>
        pairs.Panel(input, blockStride, rows, panel, next, count, tile);
}
