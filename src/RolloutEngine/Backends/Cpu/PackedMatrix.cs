using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Weights cut into panels of 32 outputs, in the order in which the kernels read them: [panel][pair of inputs][32 outputs]. BF16 stays
/// two bytes wide (<see cref="BFloat16Panel"/>); F16 and F32 become floats (<see cref="Float32Panel"/>); any becomes BF16, or bytes with scales
/// (<see cref="Int8Panel"/>), where that is asked for. Missing outputs are zero.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelOutputs = 32;

    /// <summary>Pairs of inputs that kernels take in a step; those that are missing are zero.</summary>
    public const int PairMultiple = 8;

    private readonly PanelMemory _memory;
    private NativeBuffer<byte>? _panels;
    private readonly NativeBuffer<float>? _bias;
    private readonly PanelFormat _format;
    private readonly int _pairs;

    /// <param name="sources">The matrices whose rows these are.</param>
    /// <param name="outputs">Rows of the packed matrix, a row that is null being zero.</param>
    /// <param name="packing">What it is kept in, and where its memory comes from.</param>
    private PackedMatrix(WeightRows[] sources, (WeightRows Source, int Row)?[] outputs, Packing packing)
    {
        int inputs = sources[0].Inputs;
        _memory = packing.Memory;
        Outputs = outputs.Length;
        PanelCount = (outputs.Length + PanelOutputs - 1) / PanelOutputs;
        _pairs = (inputs + 2 * PairMultiple - 1) / (2 * PairMultiple) * PairMultiple;
        _format = packing.Type == WeightType.Int8 ? PanelFormat.Int8
            : packing.Type == WeightType.Bfloat16 || sources.All(source => source.Weight.IsBFloat16) ? PanelFormat.BFloat16
            : PanelFormat.Float32;
        PanelBytes = _format switch
        {
            PanelFormat.Int8 => (long)Int8Panel.GroupsFor(inputs) * Int8Panel.GroupBytes,
            PanelFormat.BFloat16 => (long)_pairs * PanelOutputs * BFloat16Panel.OutputBytes,
            _ => (long)_pairs * PanelOutputs * Float32Panel.OutputBytes,
        };
        _panels = _memory.Rent(PanelCount * PanelBytes);
        Parallel.For(0, PanelCount, panel => PackPanel(outputs, inputs, panel));
        if (sources.Any(source => source.Bias is not null))
        {
            _bias = NativeBuffer<float>.Zeroed((long)PanelCount * PanelOutputs);
            for (int i = 0; i < outputs.Length; i++)
            {
                if (outputs[i] is { Source.Bias: { } bias, Row: int row })
                    bias.CopyTo(row, 1, _bias.Pointer + i);
            }
        }
    }

    public int Outputs { get; }

    public int PanelCount { get; }

    public long PanelBytes { get; }

    public long Bytes => PanelCount * PanelBytes + (_bias?.Bytes ?? 0);

    /// <summary>The matrices below one another: the outputs of the first, then those of the next.</summary>
    public static PackedMatrix Stack(Packing packing, params ReadOnlySpan<WeightRows> matrices)
    {
        WeightRows[] sources = matrices.ToArray();
        var outputs = new (WeightRows, int)?[sources.Sum(source => source.Outputs)];
        int place = 0;
        foreach (WeightRows source in sources)
        {
            for (int row = 0; row < source.Outputs; row++)
                outputs[place++] = (source, row);
        }

        return new PackedMatrix(sources, outputs, packing);
    }

    /// <summary>Panels of 16 outputs of <paramref name="first"/> and the same 16 of <paramref name="second"/>, so that a tile holds both.</summary>
    public static PackedMatrix Interleave(Packing packing, WeightRows first, WeightRows second)
    {
        const int half = PanelOutputs / 2;
        int panels = (first.Outputs + half - 1) / half;
        (WeightRows, int)?[] outputs = new (WeightRows, int)?[panels * PanelOutputs];
        for (int row = 0; row < first.Outputs; row++)
        {
            int place = row / half * PanelOutputs + row % half;
            outputs[place] = (first, row);
            outputs[place + half] = (second, row);
        }

        return new PackedMatrix([first, second], outputs, packing);
    }

    /// <summary>[32] of one panel, or null where the matrix has no bias.</summary>
    public float* Bias(int panel) => _bias is null ? null : _bias.Pointer + panel * PanelOutputs;

    /// <summary>tile[row, 0..32] = the outputs of one panel, without the bias.</summary>
    /// <param name="next">The panel that will probably be multiplied after this one; any number.</param>
    /// <param name="firstBlock">Block of <paramref name="input"/> that holds the first row.</param>
    /// <param name="tile">With room for whole blocks of rows.</param>
    public void Multiply(KernelSet kernels, int panel, int next, RowBlocks input, int firstBlock, int rows, float* tile)
    {
        byte* weights = _panels!.Pointer + panel * PanelBytes;
        switch (_format)
        {
            case PanelFormat.Int8:
                kernels.MatMulInt8(input.Quantized(firstBlock), rows, weights, _panels.Pointer + next * PanelBytes, tile);
                break;
            case PanelFormat.BFloat16 when input.Format == RowFormat.BFloat16:
                kernels.MatMulPairs(
                    input.Pairs(firstBlock), input.BlockStride / 2, rows, weights, _panels.Pointer + next * PanelBytes, _pairs, tile);
                break;
            case PanelFormat.BFloat16:
                kernels.MatMulBFloat16(input.Block(firstBlock), input.BlockStride, rows, weights, _pairs, tile);
                break;
            default:
                kernels.MatMulFloat32(input.Block(firstBlock), input.BlockStride, rows, weights, _pairs, tile);
                break;
        }
    }

    /// <summary>The weights of one output: a row of an embedding table.</summary>
    public void CopyRow(int output, Span<float> row)
    {
        byte* panel = _panels!.Pointer + output / PanelOutputs * PanelBytes;
        int column = output % PanelOutputs;
        for (int k = 0; k < row.Length; k++)
        {
            row[k] = _format switch
            {
                PanelFormat.Int8 => Int8Panel.Weight(panel, column, k),
                PanelFormat.BFloat16 => BFloat16.ToSingle(((ushort*)panel)[(k / 2 * PanelOutputs + column) * 2 + k % 2]),
                _ => ((float*)panel)[k * PanelOutputs + column],
            };
        }
    }

    public void Dispose()
    {
        if (_panels is { } panels)
            _memory.Return(panels);
        _panels = null;
        _bias?.Dispose();
    }

    private void PackPanel((WeightRows Source, int Row)?[] outputs, int inputs, int panel)
    {
        int count = Math.Min(PanelOutputs, outputs.Length - panel * PanelOutputs);
        ReadOnlySpan<(WeightRows Source, int Row)?> rows = outputs.AsSpan(panel * PanelOutputs, count);
        byte* target = _panels!.Pointer + panel * PanelBytes;
        if (count < PanelOutputs || rows.Contains(null) || inputs != 2 * _pairs)
            NativeMemory.Clear(target, (nuint)PanelBytes);
        switch (_format)
        {
            case PanelFormat.Int8:
                PackInt8(rows, inputs, target);
                break;
            case PanelFormat.BFloat16:
                PackBFloat16(rows, inputs, (uint*)target);
                break;
            default:
                PackFloat32(rows, inputs, (float*)target);
                break;
        }
    }

    /// <summary>Reads each row from its beginning to its end, as memory is read fastest.</summary>
    private static void PackInt8(ReadOnlySpan<(WeightRows Source, int Row)?> outputs, int inputs, byte* target)
    {
        int padded = Int8Panel.GroupsFor(inputs) * Int8Panel.GroupInputs;
        float[] row = ArrayPool<float>.Shared.Rent(padded);
        fixed (float* values = row)
        {
            new Span<float>(values + inputs, padded - inputs).Clear();
            for (int column = 0; column < outputs.Length; column++)
            {
                if (outputs[column] is not { } output)
                    continue;
                output.Source.Weight.CopyTo((long)output.Row * inputs, inputs, values);
                for (int k = 0; k < padded; k += Int8Panel.GroupInputs)
                    Int8Panel.Pack(values + k, target + k / Int8Panel.GroupInputs * Int8Panel.GroupBytes, column);
            }
        }

        ArrayPool<float>.Shared.Return(row);
    }

    /// <summary>Rounds what the checkpoint does not store as BF16.</summary>
    private static void PackBFloat16(ReadOnlySpan<(WeightRows Source, int Row)?> outputs, int inputs, uint* target)
    {
        ushort** rows = stackalloc ushort*[PanelOutputs];
        int* columns = stackalloc int[PanelOutputs];
        int count = 0;
        bool rounds = false;
        foreach ((WeightRows Source, int Row)? output in outputs)
            rounds |= output is { Source.Weight.IsBFloat16: false };
        fixed (ushort* rounded = rounds ? new ushort[PanelOutputs * inputs] : null)
        fixed (float* values = rounds ? new float[inputs] : null)
        {
            for (int column = 0; column < outputs.Length; column++)
            {
                if (outputs[column] is not { } output)
                    continue;
                TensorView weight = output.Source.Weight;
                rows[count] = weight.IsBFloat16 ? (ushort*)weight.Data + (long)output.Row * inputs : rounded + count * inputs;
                columns[count] = column;
                if (!weight.IsBFloat16)
                {
                    weight.CopyTo((long)output.Row * inputs, inputs, values);
                    for (int k = 0; k < inputs; k++)
                        rows[count][k] = BFloat16.FromSingle(values[k]);
                }

                count++;
            }

            Transpose(rows, columns, count, inputs, target);
        }
    }

    /// <summary>Reads all rows side by side, so that the panel is written from front to back.</summary>
    private static void Transpose(ushort** rows, int* columns, int count, int inputs, uint* target)
    {
        nint pair = 0;
        if (Avx2.IsSupported && count == PanelOutputs)
        {
            pair = inputs / 2 / PairTransposer.Size * PairTransposer.Size;
            PairTransposer.Transpose(rows, pair, target);
            target += pair * PanelOutputs;
        }

        for (; pair < inputs / 2; pair++, target += PanelOutputs)
        {
            for (int i = 0; i < count; i++)
                target[columns[i]] = *(uint*)(rows[i] + 2 * pair);
        }

        for (int i = 0; i < count && inputs % 2 != 0; i++)
            target[columns[i]] = rows[i][inputs - 1];
    }

    private static void PackFloat32(ReadOnlySpan<(WeightRows Source, int Row)?> outputs, int inputs, float* target)
    {
        float[] row = new float[inputs];
        for (int column = 0; column < outputs.Length; column++)
        {
            if (outputs[column] is not { } output)
                continue;
            fixed (float* values = row)
                output.Source.Weight.CopyTo((long)output.Row * inputs, inputs, values);
            for (nint k = 0; k < inputs; k++)
                target[k * PanelOutputs + column] = row[k];
        }
    }

    private enum PanelFormat
    {
        Float32,
        BFloat16,
        Int8,
    }
}
