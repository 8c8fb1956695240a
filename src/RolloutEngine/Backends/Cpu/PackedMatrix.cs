using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Weights cut into panels of 32 outputs, in the order in which the kernels read them: [panel][pair of inputs][32 outputs]. BF16 stays
/// two bytes wide (<see cref="BFloat16Panel"/>); F16 and F32 become floats (<see cref="Float32Panel"/>). Missing outputs are zero.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelOutputs = 32;

    private readonly NativeBuffer<byte> _panels;
    private readonly NativeBuffer<float>? _bias;
    private readonly bool _isBFloat16;
    private readonly int _pairs;
    private readonly long _panelBytes;

    /// <param name="outputs">Rows of the packed matrix, a row that is null being zero.</param>
    /// <param name="inputs">Length of every row.</param>
    private PackedMatrix((WeightRows Source, int Row)?[] outputs, int inputs)
    {
        Outputs = outputs.Length;
        PanelCount = (outputs.Length + PanelOutputs - 1) / PanelOutputs;
        _pairs = (inputs + 1) / 2;
        _isBFloat16 = outputs.All(output => output is null || output.Value.Source.Weight.IsBFloat16);
        _panelBytes = (long)_pairs * (_isBFloat16 ? BFloat16Panel.PairBytes : Float32Panel.PairBytes);
        _panels = NativeBuffer<byte>.Zeroed(PanelCount * _panelBytes);
        Parallel.For(0, PanelCount, panel => PackPanel(outputs, inputs, panel));
        if (outputs.Any(output => output?.Source.Bias is not null))
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

    public long Bytes => _panels.Bytes + (_bias?.Bytes ?? 0);

    /// <summary>The matrices below one another: the outputs of the first, then those of the next.</summary>
    public static PackedMatrix Stack(params ReadOnlySpan<WeightRows> matrices)
    {
        List<(WeightRows, int)?> outputs = [];
        foreach (WeightRows matrix in matrices)
        {
            for (int row = 0; row < matrix.Outputs; row++)
                outputs.Add((matrix, row));
        }

        return new PackedMatrix([.. outputs], matrices[0].Inputs);
    }

    /// <summary>Panels of 16 outputs of <paramref name="first"/> and the same 16 of <paramref name="second"/>, so that a tile holds both.</summary>
    public static PackedMatrix Interleave(WeightRows first, WeightRows second)
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

        return new PackedMatrix(outputs, first.Inputs);
    }

    /// <summary>tile[row, 0..32] = the outputs of one panel, bias included.</summary>
    /// <param name="input">[row][inputStride]; zero from the last input up to an even count.</param>
    public void Multiply(KernelSet kernels, int panel, float* input, nint inputStride, int rows, float* tile)
    {
        byte* weights = _panels.Pointer + panel * _panelBytes;
        if (_isBFloat16)
            kernels.MatMulBFloat16(input, inputStride, rows, weights, _pairs, tile);
        else
            kernels.MatMulFloat32(input, inputStride, rows, weights, _pairs, tile);
        if (_bias is null)
            return;

        float* bias = _bias.Pointer + panel * PanelOutputs;
        for (int i = 0; i < rows * PanelOutputs; i++)
            tile[i] += bias[i % PanelOutputs];
    }

    /// <summary>The weights of one output: a row of an embedding table.</summary>
    public void CopyRow(int output, Span<float> row)
    {
        byte* panel = _panels.Pointer + output / PanelOutputs * _panelBytes;
        int column = output % PanelOutputs;
        for (int k = 0; k < row.Length; k++)
        {
            row[k] = _isBFloat16
                ? BFloat16.ToSingle(((ushort*)panel)[(k / 2 * PanelOutputs + column) * 2 + k % 2])
                : ((float*)panel)[k * PanelOutputs + column];
        }
    }

    public void Dispose()
    {
        _panels.Dispose();
        _bias?.Dispose();
    }

    private void PackPanel((WeightRows Source, int Row)?[] outputs, int inputs, int panel)
    {
        byte* target = _panels.Pointer + panel * _panelBytes;
        float[] row = _isBFloat16 ? [] : new float[inputs];
        for (int column = 0; column < PanelOutputs && panel * PanelOutputs + column < outputs.Length; column++)
        {
            if (outputs[panel * PanelOutputs + column] is not { } output)
                continue;
            if (_isBFloat16)
                PackBFloat16(output.Source.Weight, output.Row, inputs, (ushort*)target + 2 * column);
            else
                PackFloat32(output.Source.Weight, output.Row, row, (float*)target + column);
        }
    }

    private static void PackBFloat16(TensorView weight, int row, int inputs, ushort* target)
    {
        ushort* source = (ushort*)weight.Data + (long)row * inputs;
        for (int k = 0; k < inputs; k++)
            target[(long)(k / 2) * PanelOutputs * 2 + k % 2] = source[k];
    }

    private static void PackFloat32(TensorView weight, int row, float[] buffer, float* target)
    {
        fixed (float* values = buffer)
            weight.CopyTo((long)row * buffer.Length, buffer.Length, values);
        for (int k = 0; k < buffer.Length; k++)
            target[(long)k * PanelOutputs] = buffer[k];
    }
}
