using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The product of quantised rows and weights with the 512-bit <c>vpdpbusd</c>, which the framework has no intrinsic for: machine code made
/// at start. 64 multiply-adds an instruction; sums and their order are those of <see cref="MatMulInt8"/>.
/// </summary>
internal sealed unsafe class VnniCode
{
    private const int PrefetchBytes = 4096;
    private const int Vector = 64;
    private const int RowBytes = PackedMatrix.PanelOutputs * sizeof(float);
    private const int WordsOfGroup = Int8Panel.GroupInputs / Int8Panel.InputsOfWord;
    private const int BlockWordBytes = RowBlocks.Rows * Int8Panel.InputsOfWord;

    // Registers: two sums of integers per row, two of floats per row, then what is loaded.
    private const int FloatSums = 2 * RowBlocks.Rows;
    private const int WeightsA = 2 * FloatSums;
    private const int WeightsB = WeightsA + 1;
    private const int Row = WeightsA + 2;
    private const int ProductA = WeightsA + 3;
    private const int ProductB = WeightsA + 4;

    private readonly delegate* unmanaged[SuppressGCTransition]<sbyte*, float*, int*, byte*, nint, float*, void> _oneRow;
    private readonly delegate* unmanaged[SuppressGCTransition]<sbyte*, float*, int*, byte*, nint, float*, void> _fourRows;

    private VnniCode()
    {
        ReadOnlySpan<byte> one = Assemble(rows: 1), four = Assemble(rows: RowBlocks.Rows);
        byte* code = (byte*)SystemMemory.MapCode([.. one, .. four]);
        _oneRow = (delegate* unmanaged[SuppressGCTransition]<sbyte*, float*, int*, byte*, nint, float*, void>)code;
        _fourRows = (delegate* unmanaged[SuppressGCTransition]<sbyte*, float*, int*, byte*, nint, float*, void>)(code + one.Length);
        IsUsable = code is not null;
    }

    /// <summary>The code of this process; null where processor or system do not take it.</summary>
    public static VnniCode? Instance { get; } = IsSupported() && new VnniCode() is { IsUsable: true } code ? code : null;

    private bool IsUsable { get; }

    /// <summary>As <see cref="MatMulInt8.Panel"/>.</summary>
    public void Panel(QuantizedRows input, int rows, byte* panel, float* tile)
    {
        if (rows == 1)
        {
            _oneRow(input.Values, input.Scales, input.Offsets, panel, input.Groups, tile);
            return;
        }

        for (int blocks = RowBlocks.CountFor(rows); blocks > 0; blocks--)
        {
            _fourRows(input.Values, input.Scales, input.Offsets, panel, input.Groups, tile);
            input = input.Next;
            tile += RowBlocks.Rows * PackedMatrix.PanelOutputs;
        }
    }

    /// <summary>Leaf 7 of CPUID tells of AVX512_VNNI in bit 11 of ecx; that the system keeps the registers follows from Vector512.</summary>
    private static bool IsSupported() =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported && X86Base.X64.IsSupported && SystemMemory.CanMap
        && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0;

    /// <summary>The arguments of the System V convention: values, scales, offsets, panel, groups, tile.</summary>
    private static byte[] Assemble(int rows)
    {
        const int values = Assembler.Rdi, scales = Assembler.Rsi, offsets = Assembler.Rdx, panel = Assembler.Rcx, groups = Assembler.R8, tile = Assembler.R9;
        Assembler code = new();
        for (int i = 0; i < 2 * rows; i++)
            code.Zero(FloatSums + i);

        int loop = code.Position;
        for (int row = 0; row < rows; row++)
        {
            code.BroadcastInteger(2 * row, offsets, row * sizeof(int));
            code.Move(2 * row + 1, 2 * row);
        }

        for (int word = 0; word < WordsOfGroup; word++)
        {
            int at = Int8Panel.ScaleBytes + word * 2 * Vector;
            code.Prefetch(panel, at + PrefetchBytes);
            code.Prefetch(panel, at + PrefetchBytes + Vector);
            code.Load(WeightsA, panel, at);
            code.Load(WeightsB, panel, at + Vector);
            for (int row = 0; row < rows; row++)
            {
                code.BroadcastInteger(Row, values, word * BlockWordBytes + row * Int8Panel.InputsOfWord);
                code.DotBytes(2 * row, WeightsA, Row);
                code.DotBytes(2 * row + 1, WeightsB, Row);
            }
        }

        code.Load(WeightsA, panel, 0);
        code.Load(WeightsB, panel, Vector);
        for (int row = 0; row < rows; row++)
        {
            code.BroadcastFloat(Row, scales, row * sizeof(float));
            code.Multiply(ProductA, WeightsA, Row);
            code.Multiply(ProductB, WeightsB, Row);
            code.ToFloat(2 * row, 2 * row);
            code.ToFloat(2 * row + 1, 2 * row + 1);
            code.MultiplyAdd(FloatSums + 2 * row, 2 * row, ProductA);
            code.MultiplyAdd(FloatSums + 2 * row + 1, 2 * row + 1, ProductB);
        }

        code.AddTo(panel, Int8Panel.GroupBytes);
        code.AddTo(values, WordsOfGroup * BlockWordBytes);
        code.AddTo(scales, RowBlocks.Rows * sizeof(float));
        code.AddTo(offsets, RowBlocks.Rows * sizeof(int));
        code.AddTo(groups, -1);
        code.JumpIfNotZero(loop);
        for (int row = 0; row < rows; row++)
        {
            code.Store(FloatSums + 2 * row, tile, row * RowBytes);
            code.Store(FloatSums + 2 * row + 1, tile, row * RowBytes + Vector);
        }

        code.Return();
        return code.ToArray();
    }
}
