using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Address = AgentRollout.RolloutEngine.Backends.Cpu.Kernels.Assembler.Address;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The product of quantised rows and weights with the 512-bit <c>vpdpbusd</c>, which the framework has no intrinsic for: machine code made
/// at start. 64 multiply-adds an instruction; sums and their order are those of <see cref="MatMulInt8"/>. Four rows share a pass over a
/// panel: with more, the end of a group is too long for the processor to overlap it with the next one's beginning.
/// </summary>
internal sealed unsafe class VnniCode
{
    private const int Vector = 64;
    private const int LinesOfGroup = Int8Panel.GroupBytes / Vector;
    private const int WordsOfGroup = Int8Panel.GroupInputs / Int8Panel.InputsOfWord;
    private const int BlockWordBytes = RowBlocks.Rows * Int8Panel.InputsOfWord;

    // The arguments of the System V convention; the seventh comes on the stack.
    private const int Values = Assembler.Rdi;
    private const int Scales = Assembler.Rsi;
    private const int Offsets = Assembler.Rdx;
    private const int Weights = Assembler.Rcx;
    private const int Groups = Assembler.R8;
    private const int Tile = Assembler.R9;
    private const int Ahead = Assembler.Rax;

    // Vector registers: two sums of integers per row, two of floats per row, then what is loaded.
    private const int FloatSums = 2 * RowBlocks.Rows;
    private const int WeightsA = 2 * FloatSums;
    private const int WeightsB = WeightsA + 1;
    private const int ProductA = WeightsA + 2;
    private const int ProductB = WeightsA + 3;
    private const int Loaded = WeightsA + 4;

    /// <summary>For one row; then for four, by the number of cache lines that it asks for in each group.</summary>
    private readonly nint[]? _code = SystemMemory.MapCode(
        [Assemble(rows: 1, LinesOfGroup), .. Enumerable.Range(1, LinesOfGroup).Select(lines => Assemble(RowBlocks.Rows, lines))]);

    private VnniCode()
    {
    }

    /// <summary>The code of this process; null where processor or system do not take it.</summary>
    public static VnniCode? Instance { get; } = IsSupported() && new VnniCode() is { _code: not null } code ? code : null;

    /// <summary>As <see cref="MatMulInt8.Panel"/>; all passes together fetch the next panel, so that memory and multiplications keep pace.</summary>
    public void Panel(QuantizedRows input, int rows, byte* panel, byte* next, float* tile)
    {
        int passes = RowBlocks.CountFor(rows), lines = (LinesOfGroup + passes - 1) / passes;
        byte* ahead = passes == 1 ? panel + MatMulInt8.PrefetchBytes : next;
        nint code = _code![rows == 1 ? 0 : lines];
        for (int pass = 0; pass < passes; pass++)
        {
            ((delegate* unmanaged[SuppressGCTransition]<sbyte*, float*, int*, byte*, nint, float*, byte*, void>)code)(
                input.Values, input.Scales, input.Offsets, panel, input.Groups, tile, ahead);
            input = input.Next;
            tile += RowBlocks.Rows * PackedMatrix.PanelOutputs;
            ahead += lines * Vector * input.Groups;
        }
    }

    /// <summary>Leaf 7 of CPUID tells of AVX512_VNNI in bit 11 of ecx; that the system keeps the registers follows from Vector512.</summary>
    private static bool IsSupported() =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported && X86Base.X64.IsSupported && SystemMemory.CanMap
        && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0;

    private static byte[] Assemble(int rows, int linesAhead)
    {
        Assembler code = new();
        code.LoadSeventhArgument(Ahead);
        for (int i = 0; i < 2 * rows; i++)
            code.Zero(FloatSums + i);

        int loop = code.Position;
        for (int row = 0; row < rows; row++)
        {
            code.BroadcastInteger(2 * row, new Address(Offsets, row * sizeof(int)));
            code.Move(2 * row + 1, 2 * row);
        }

        for (int word = 0, line = 0; word < WordsOfGroup; word++)
        {
            for (; SoftwarePrefetch.IsOn && line < linesAhead * (word + 1) / WordsOfGroup; line++)
                code.Prefetch(new Address(Ahead, line * Vector));
            AddWord(code, rows, word);
        }

        AddGroup(code, rows);
        code.AddTo(Ahead, linesAhead * Vector);
        code.AddTo(Weights, Int8Panel.GroupBytes);
        code.AddTo(Values, WordsOfGroup * BlockWordBytes);
        code.AddTo(Scales, RowBlocks.Rows * sizeof(float));
        code.AddTo(Offsets, RowBlocks.Rows * sizeof(int));
        code.AddTo(Groups, -1);
        code.JumpIfNotZero(loop);
        for (int i = 0; i < 2 * rows; i++)
            code.Store(FloatSums + i, new Address(Tile, i * Vector));
        code.Return();
        return code.ToArray();
    }

    /// <summary>Four inputs of every row times their weights for 32 outputs.</summary>
    private static void AddWord(Assembler code, int rows, int word)
    {
        int at = Int8Panel.ScaleBytes + word * 2 * Vector;
        code.Load(WeightsA, new Address(Weights, at));
        code.Load(WeightsB, new Address(Weights, at + Vector));
        for (int row = 0; row < rows; row++)
        {
            code.BroadcastInteger(Loaded + row, new Address(Values, word * BlockWordBytes + row * Int8Panel.InputsOfWord));
            code.DotBytes(2 * row, WeightsA, Loaded + row);
            code.DotBytes(2 * row + 1, WeightsB, Loaded + row);
        }
    }

    /// <summary>Adds the integers of a group, times the scales of weights and row, to the floats.</summary>
    private static void AddGroup(Assembler code, int rows)
    {
        code.Load(WeightsA, new Address(Weights, 0));
        code.Load(WeightsB, new Address(Weights, Vector));
        for (int row = 0; row < rows; row++)
        {
            code.BroadcastFloat(Loaded + row, new Address(Scales, row * sizeof(float)));
            code.Multiply(ProductA, WeightsA, Loaded + row);
            code.Multiply(ProductB, WeightsB, Loaded + row);
            code.ToFloat(2 * row, 2 * row);
            code.ToFloat(2 * row + 1, 2 * row + 1);
            code.MultiplyAdd(FloatSums + 2 * row, 2 * row, ProductA);
            code.MultiplyAdd(FloatSums + 2 * row + 1, 2 * row + 1, ProductB);
        }
    }
}
