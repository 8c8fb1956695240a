using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Backends.Cpu.Kernels;

/// <summary>Every width against plain loops that state the order of accumulation, to the bit, over odd sizes.</summary>
public sealed unsafe class KernelTests
{
    private readonly Random _random = new(7);

    public static TheoryData<string> Widths { get; } = [.. KernelSet.Supported.Select(kernels => kernels.Name)];

    [Theory]
    [MemberData(nameof(Widths))]
    public void An_output_of_a_product_is_one_chain_of_fused_multiply_adds(string width)
    {
        foreach (int inputs in (int[])[1, 2, 3, 17, 64, 129])
        {
            foreach (int rows in Enumerable.Range(1, 19))
                CheckProduct(Kernels(width), rows, inputs);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Quantised_products_are_exact_within_a_group_and_one_chain_over_groups(string width)
    {
        foreach (int inputs in (int[])[1, 63, 64, 130, 320])
        {
            foreach (int rows in (int[])[1, 2, 4, 5, 9, 13, 16, 21, 33])
                CheckQuantizedProduct(Kernels(width), rows, inputs);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Products_of_bfloat16_pairs_add_the_odd_input_first_and_each_with_one_rounding(string width)
    {
        foreach (int inputs in (int[])[1, 15, 16, 17, 130])
        {
            foreach (int rows in (int[])[1, 2, 4, 5, 8, 9, 12, 13, 16, 21, 33, 50])
                CheckPairsProduct(Kernels(width), rows, inputs);
        }
    }

    [Fact]
    public void Rows_become_bfloat16_by_rounding_to_nearest_even_without_numbers_below_the_smallest_exponent()
    {
        float[] values = [1f, 1.00390625f, 1.01171875f, -3.3e38f, float.MaxValue, float.NaN, 1e-39f, -1e-39f, float.NegativeInfinity, 1.17549435e-38f];
        using RowBlocks rows = Blocks(KernelSet.Widest, 1, values.Length, RowFormat.BFloat16, values);
        float[] expected = [1f, 1f, 1.015625f, -248f * 1.329227996e36f, float.PositiveInfinity, float.NaN, 0f, 0f, float.NegativeInfinity, 1.17549435e-38f];
        Assert.Equal(expected, Enumerable.Range(0, values.Length).Select(k => BFloat16.ToSingle(((ushort*)rows.Pairs(0))[k / 2 * 8 + k % 2])));
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Quantised_rows_are_within_half_a_step_and_the_same_bytes_at_every_width(string width)
    {
        foreach (int inputs in (int[])[5, 64, 200])
        {
            float[] values = Random(4 * inputs);
            using RowBlocks rows = Blocks(Kernels(width), 4, inputs, RowFormat.Int8, values), twin = Blocks(Kernels("scalar"), 4, inputs, RowFormat.Int8, values);
            QuantizedRows actual = rows.Quantized(0), expected = twin.Quantized(0);
            Assert.Equal(new Span<sbyte>(expected.Values, 256 * expected.Groups), new Span<sbyte>(actual.Values, 256 * actual.Groups));
            Assert.Equal(new Span<int>(expected.Offsets, 4 * expected.Groups), new Span<int>(actual.Offsets, 4 * actual.Groups));
            Assert.Equal(new Span<float>(expected.Scales, 4 * expected.Groups), new Span<float>(actual.Scales, 4 * actual.Groups));
            for (int i = 0; i < 4 * inputs; i++)
            {
                (int k, int row) = (i / 4, i % 4);
                float scale = actual.Scales[k / 64 * 4 + row];
                Assert.InRange(Math.Abs(actual.Values[(k / 4 * 4 + row) * 4 + k % 4] * scale - values[row * inputs + k]), 0, 0.5001 * scale);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Normalisation_sums_squares_in_sixteen_lanes(string width)
    {
        foreach (int count in (int[])[1, 15, 16, 17, 42, 64, 100, 257])
        {
            float[] x = Random(count), gain = Random(count), actual = new float[count], lanes = new float[16];
            for (int i = 0; i < count; i++)
                lanes[i % 16] = MathF.FusedMultiplyAdd(x[i], x[i], lanes[i % 16]);
            float scale = 1f / MathF.Sqrt(Fold(lanes) / count + 1e-5f);

            fixed (float* px = x, pg = gain, pa = actual)
                Kernels(width).RmsNorm(px, pg, count, 1e-5f, pa);

            Assert.Equal(Bits.Of(x.Zip(gain, (value, g) => value * scale * g)), Bits.Of(actual));
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Rotation_turns_pairs_half_a_head_apart(string width)
    {
        foreach (int headDim in (int[])[2, 10, 16, 48, 64, 130])
        {
            float[] head = Random(headDim), rotation = Random(headDim), expected = new float[headDim];
            int half = headDim / 2;
            for (int i = 0; i < half; i++)
            {
                (float a, float b, float cos, float sin) = (head[i], head[i + half], rotation[i], rotation[i + half]);
                expected[i] = MathF.FusedMultiplyAdd(a, cos, -(b * sin));
                expected[i + half] = MathF.FusedMultiplyAdd(b, cos, a * sin);
            }

            fixed (float* ph = head, pr = rotation)
                Kernels(width).Rope(ph, pr, headDim);
            Assert.Equal(Bits.Of(expected), Bits.Of(head));
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Attention_sums_scores_over_dimensions_and_values_over_tokens_in_order(string width)
    {
        foreach ((int heads, int headDim, int tokens) in (ReadOnlySpan<(int, int, int)>)[(1, 10, 16), (2, 16, 3), (3, 48, 33), (4, 2, 47), (5, 64, 15), (6, 10, 31), (7, 32, 50), (8, 130, 64), (9, 64, 17), (15, 32, 65), (28, 64, 48)])
        {
            CheckAttention<Float32Panel>(Kernels(width), KvCacheType.Float32, heads, headDim, tokens);
            CheckAttention<Float16Panel>(Kernels(width), KvCacheType.Float16, heads, headDim, tokens);
            CheckAttention<BFloat16Panel>(Kernels(width), KvCacheType.Bfloat16, heads, headDim, tokens);
            CheckAttention<SignedBytePanel>(Kernels(width), KvCacheType.Int8, heads, headDim, tokens, unit: 1);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Scales_of_tokens_reach_every_row_and_nothing_else(string width)
    {
        (int rows, int pages, int stride) = (3, 3, 64);
        float[] values = Random(rows * stride), scales = Random(16 * pages), expected = [.. values];
        int[] ids = [2, 0, 1];
        for (int row = 0; row < rows; row++)
        {
            for (int token = 0; token < 16 * pages; token++)
                expected[row * stride + token] *= scales[ids[token / 16] * 16 + token % 16];
        }

        fixed (float* pv = values, ps = scales)
        fixed (int* pi = ids)
            Kernels(width).ScaleTokens(pv, rows, stride, new PageBlocks((byte*)ps, 16 * sizeof(float), pi), pages);
        Assert.Equal(Bits.Of(expected), Bits.Of(values));
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(-2.5f, 0xC020)]
    [InlineData(1.00390625f, 0x3F80)]
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(3.4e38f, 0x7F80)]
    [InlineData(float.NegativeInfinity, 0xFF80)]
    public void A_bfloat16_is_the_nearest_one_ties_to_even(float value, int bits) => Assert.Equal(bits, BFloat16.FromSingle(value));

    [Fact]
    public void A_bfloat16_of_not_a_number_is_none() =>
        Assert.True(float.IsNaN(BFloat16.ToSingle(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x7FFFFFFF)))));

    [Theory]
    [MemberData(nameof(Widths))]
    public void Softmax_equals_its_scalar_twin(string width)
    {
        foreach (int count in (int[])[16, 32, 112, 528])
        {
            float[] x = [.. Random(count).Select(value => 8 * value)];
            x[3] = float.NegativeInfinity;
            (float[] exponentials, float sum, float max) = Softmax(Kernels(width), x);
            (float[] expectedExponentials, float expectedSum, _) = Softmax(Kernels("scalar"), x);
            Assert.Equal(x.Max(), max);
            Assert.Equal(Bits.Of(expectedExponentials), Bits.Of(exponentials));
            Assert.Equal(Bits.Of([expectedSum]), Bits.Of([sum]));
        }
    }

    [Fact]
    public void A_half_is_the_nearest_one_ties_to_even_and_zero_or_the_largest_outside_its_range()
    {
        uint stored = 0;
        Random random = new(7);
        for (int i = 0; i < 200_000; i++)
        {
            // Exponents around those of a half, and mantissas that often lie in the middle between two.
            uint mantissa = (uint)random.Next(1 << 23) & (i % 3 == 0 ? 0x7FF000u : 0x7FFFFFu);
            float value = BitConverter.UInt32BitsToSingle(((uint)random.Next(2) << 31) | ((uint)random.Next(110, 146) << 23) | mantissa);
            float expected = MathF.Abs(value) < MathF.Pow(2, -14) ? 0 : (float)(Half)Math.Clamp(value, -65504f, 65504f);
            Float16Panel.Store((byte*)&stored, outputs: 1, input: i % 2, output: 0, value);
            Assert.Equal(expected, (float)BitConverter.UInt16BitsToHalf((ushort)(stored >> (16 * (i % 2)))));
        }

        Float16Panel.Store((byte*)&stored, outputs: 1, input: 0, output: 0, float.NaN);
        Assert.True(Half.IsNaN(BitConverter.UInt16BitsToHalf((ushort)stored)));
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_tile_is_gated_stored_or_added_lane_by_lane(string width)
    {
        const int rows = 4, stride = 40;
        float[] tile = [.. Random(rows * 32).Select(value => 8 * value)], bias = Random(32), stored = new float[rows * stride], added = Random(rows * stride);
        float[] gated = new float[rows * 20], scalarGated = new float[rows * 20], before = [.. added];
        fixed (float* pt = tile, pb = bias, ps = stored, pa = added, pg = gated, psg = scalarGated)
        {
            Kernels(width).Store(pt, rows, pb, ps, stride);
            Kernels(width).Add(pt, rows, null, pa, stride);
            Kernels(width).SwiGlu(pt, rows, pg, stride: 20);
            Kernels("scalar").SwiGlu(pt, rows, psg, stride: 20);
        }

        for (int i = 0; i < rows * stride; i++)
        {
            (int row, int output) = (i / stride, i % stride);
            float product = output < 32 ? tile[row * 32 + output] : 0;
            Assert.Equal(output < 32 ? product + bias[output] : 0, stored[i]);
            Assert.Equal(before[i] + product, added[i]);
        }

        Assert.Equal(Bits.Of(scalarGated), Bits.Of(gated));
        double gate = tile[2 * 32 + 5], expected = gate / (1 + Math.Exp(-gate)) * tile[2 * 32 + 16 + 5];
        Assert.Equal(expected, gated[2 * 20 + 5], 1e-5);
    }

    [Fact]
    public void The_exponential_is_within_two_units_in_the_last_place_and_keeps_its_ends()
    {
        for (float x = -87f; x < 88f; x += 0.0137f)
        {
            double exact = Math.Exp(x), unit = MathF.BitIncrement((float)exact) - (float)exact;
            Assert.InRange((Exponential.Of<Scalar, float>(x) - exact) / unit, -2, 2);
        }

        Assert.Equal(1f, Exponential.Of<Scalar, float>(0f));
        Assert.Equal(0f, Exponential.Of<Scalar, float>(-88f));
        Assert.Equal(0f, Exponential.Of<Scalar, float>(float.NegativeInfinity));
        Assert.True(float.IsNaN(Exponential.Of<Scalar, float>(float.NaN)));
    }

    private void CheckProduct(KernelSet kernels, int rows, int inputs)
    {
        int pairs = (inputs + 1) / 2, stride = 4 * (2 * pairs + 3), blocks = (rows + 3) / 4;
        float[] x = Random(blocks * stride), tile = new float[4 * blocks * 32];
        ushort[] bfloat16 = new ushort[pairs * 64];
        float[] float32 = new float[pairs * 64];
        for (int k = 0; k < 2 * pairs; k++)
        {
            for (int output = 0; output < 32; output++)
            {
                bfloat16[(k / 2 * 32 + output) * 2 + k % 2] = k < inputs ? (ushort)(BitConverter.SingleToUInt32Bits(Random(1)[0]) >> 16) : (ushort)0;
                float32[k * 32 + output] = BFloat16.ToSingle(bfloat16[(k / 2 * 32 + output) * 2 + k % 2]);
            }
        }

        float[] expected = new float[rows * 32];
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / 32;
            for (int k = 0; k < inputs; k++)
                expected[i] = MathF.FusedMultiplyAdd(float32[k * 32 + i % 32], x[row / 4 * stride + 4 * k + row % 4], expected[i]);
        }

        for (int block = 0; block < blocks; block++)
            x.AsSpan(block * stride + 4 * inputs, 4 * (2 * pairs - inputs)).Clear();
        fixed (float* px = x, pt = tile, pf = float32)
        fixed (ushort* pb = bfloat16)
        {
            kernels.MatMulBFloat16(px, stride, rows, (byte*)pb, pairs, pt);
            Assert.Equal(Bits.Of(expected), Bits.Of(tile.AsSpan(0, rows * 32).ToArray()));
            kernels.MatMulFloat32(px, stride, rows, (byte*)pf, pairs, pt);
            Assert.Equal(Bits.Of(expected), Bits.Of(tile.AsSpan(0, rows * 32).ToArray()));
        }
    }

    private void CheckAttention<TFormat>(KernelSet kernels, KvCacheType type, int heads, int headDim, int tokens, float unit = 1 / 128f) where TFormat : IPanelFormat
    {
        int valueDim = (headDim + 31) / 32 * 32, pages = (tokens + 15) / 16, slots = (pages + 1) / 2 * 2 * 16;
        int keyBytes = 8 * headDim * TFormat.OutputBytes, pageBytes = keyBytes + 8 * valueDim * TFormat.OutputBytes;
        int[] ids = [.. Enumerable.Range(0, pages).Reverse()];
        byte[] memory = new byte[(pages + 1) * pageBytes];
        Array.Fill(memory, (byte)0xFF);
        float[] queries = Random(heads * headDim), keys = Rounded(tokens * headDim, unit), values = Rounded(tokens * valueDim, unit);
        float[] scores = new float[heads * slots], weights = new float[heads * slots], sums = new float[heads * valueDim], expectedSums = new float[heads * valueDim];
        fixed (byte* pm = memory)
        fixed (int* pi = ids)
        fixed (float* pq = queries, ps = scores, pw = weights, po = sums)
        {
            for (int token = 0; token < tokens; token++)
            {
                byte* page = pm + ids[token / 16] * pageBytes;
                for (int d = 0; d < headDim; d++)
                    TFormat.Store(page, 16, d, token % 16, keys[token * headDim + d]);
                for (int d = 0; d < valueDim; d++)
                    TFormat.Store(page + keyBytes, valueDim, token % 16, d, values[token * valueDim + d]);
            }

            kernels.Scores(type, pq, heads, headDim, new PageBlocks(pm, pageBytes, pi), pages, ps, slots);
            for (int i = 0; i < scores.Length; i++)
                weights[i] = scores[i] * TFormat.Scale;
            // All rows see the first tokens together; what they see besides is added to each alone.
            PageBlocks blocks = new(pm + keyBytes, pageBytes, pi);
            int common = Math.Max(1, tokens - 5);
            kernels.SumValues(type, pw, slots, heads, blocks, common, valueDim, po);
            for (int head = 0; head < heads; head++)
                kernels.AddValues(type, pw + head * slots, blocks, common, tokens, valueDim, po + head * valueDim);
        }

        for (int head = 0; head < heads; head++)
        {
            for (int token = 0; token < tokens; token++)
            {
                float score = 0;
                for (int d = 0; d < headDim; d++)
                    score = MathF.FusedMultiplyAdd(keys[token * headDim + d], queries[head * headDim + d], score);
                Assert.Equal(score, scores[head * slots + token] * TFormat.Scale);
                for (int d = 0; d < valueDim; d++)
                    expectedSums[head * valueDim + d] = MathF.FusedMultiplyAdd(values[token * valueDim + d], score, expectedSums[head * valueDim + d]);
            }
        }

        Assert.Equal(Bits.Of(expectedSums), Bits.Of(sums.Select(sum => sum * TFormat.Scale)));
    }

    /// <summary>Whole numbers of units up to 127, which all formats hold exactly.</summary>
    private float[] Rounded(int count, float unit) => [.. Random(count).Select(value => MathF.Round(value * 127) * unit)];

    private void CheckQuantizedProduct(KernelSet kernels, int rows, int inputs)
    {
        int groups = Int8Panel.GroupsFor(inputs);
        byte[] panel = new byte[groups * Int8Panel.GroupBytes + 4096];
        using RowBlocks x = Blocks(kernels, rows, inputs, RowFormat.Int8, Random(rows * inputs));
        float[] tile = new float[32 * ((rows + 3) / 4 * 4)];
        fixed (byte* p = panel)
        {
            for (int i = 0; i < 32 * groups; i++)
            {
                float[] weights = Random(64);
                weights.AsSpan(Math.Min(64, inputs - i / 32 * 64)).Clear();
                fixed (float* w = weights)
                    Int8Panel.Pack(w, p + i / 32 * Int8Panel.GroupBytes, i % 32);
                for (int k = 0; k < 64; k++)
                    Assert.InRange(Math.Abs(Int8Panel.Weight(p + i / 32 * Int8Panel.GroupBytes, i % 32, k) - weights[k]), 0, weights.Max(Math.Abs) / 250);
            }
            fixed (float* t = tile)
                kernels.MatMulInt8(x.Quantized(0), rows, p, next: p, t);

            for (int i = 0; i < rows * 32; i++)
            {
                (int row, int output) = (i / 32, i % 32);
                QuantizedRows block = x.Quantized(row / 4);
                float sum = 0;
                for (int group = 0; group < groups; group++)
                {
                    byte* start = p + group * Int8Panel.GroupBytes;
                    int dot = 0;
                    for (int k = 0; k < 64; k++)
                        dot += (start[128 + (k / 4 * 32 + output) * 4 + k % 4] - 128) * block.Values[((group * 16 + k / 4) * 4 + row % 4) * 4 + k % 4];
                    sum = MathF.FusedMultiplyAdd(dot, ((float*)start)[output] * block.Scales[group * 4 + row % 4], sum);
                }

                Assert.Equal(sum, tile[i]);
            }
        }
    }

    private void CheckPairsProduct(KernelSet kernels, int rows, int inputs)
    {
        int pairs = (inputs + 15) / 16 * 8;
        float[] values = Random(rows * inputs), tile = new float[32 * ((rows + 3) / 4 * 4)], expected = new float[rows * 32];
        ushort[] panel = new ushort[pairs * 64];
        using RowBlocks x = Blocks(kernels, rows, inputs, RowFormat.BFloat16, values);
        for (int i = 0; i < inputs * 32; i++)
            panel[(i / 64 * 32 + i / 2 % 32) * 2 + i % 2] = BFloat16.FromSingle(i / 64 * 2 + i % 2 < inputs ? Random(1)[0] : 0);
        fixed (ushort* p = panel)
        fixed (float* t = tile)
            kernels.MatMulPairs(x.Pairs(0), x.BlockStride / 2, rows, (byte*)p, next: (byte*)p, pairs, t);

        for (int i = 0; i < expected.Length; i++)
        {
            for (int k = 1; k < 2 * pairs; k += k % 2 == 1 ? -1 : 3)
            {
                float weight = BFloat16.ToSingle(panel[(k / 2 * 32 + i % 32) * 2 + k % 2]);
                float value = k < inputs ? BFloat16.ToSingle(BFloat16.FromSingle(values[i / 32 * inputs + k])) : 0;
                expected[i] = MathF.FusedMultiplyAdd(weight, value, expected[i]);
            }
        }

        Assert.Equal(Bits.Of(expected), Bits.Of(tile.AsSpan(0, rows * 32).ToArray()));
    }

    /// <param name="values">[rows][inputs]</param>
    private static RowBlocks Blocks(KernelSet kernels, int rows, int inputs, RowFormat format, float[] values)
    {
        RowBlocks blocks = new(rows, inputs, format);
        using Activations padded = new(rows, inputs);
        for (int row = 0; row < rows; row++)
            values.AsSpan(row * inputs, inputs).CopyTo(new Span<float>(padded.Row(row), inputs));
        for (int block = 0; block < RowBlocks.CountFor(rows); block++)
            blocks.Write(kernels, block, 0, inputs, padded.Row(4 * block), padded.Stride);
        return blocks;
    }

    private static (float[] Exponentials, float Sum, float Max) Softmax(KernelSet kernels, float[] x)
    {
        float[] exponentials = new float[x.Length];
        fixed (float* px = x, pe = exponentials)
        {
            float max = kernels.Max(px, x.Length);
            return (exponentials, kernels.Exponentials(px, x.Length, max, 0.7f, pe), max);
        }
    }

    private static KernelSet Kernels(string name) => KernelSet.Supported.Single(kernels => kernels.Name == name);

    private float[] Random(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(2 * _random.NextDouble() - 1))];

    private static float Fold(float[] lanes)
    {
        for (int half = 8; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        }

        return lanes[0];
    }
}
