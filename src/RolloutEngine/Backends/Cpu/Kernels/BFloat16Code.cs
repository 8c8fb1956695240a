using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Address = AgentRollout.RolloutEngine.Backends.Cpu.Kernels.Assembler.Address;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The product of bfloat16 rows and weights with the 512-bit <c>vdpbf16ps</c>, which the framework has no intrinsic for: machine code made
/// at start. 32 multiply-adds an instruction, twice as many as of floats; sums and their order are those of <see cref="MatMulPairs"/>.
/// </summary>
internal sealed unsafe class BFloat16Code
{
    private const int Vector = 64;
    private const int MostBlocks = 3;
    private const int LinesOfStep = PackedMatrix.PairMultiple * PackedMatrix.PanelOutputs * sizeof(uint) / Vector;

    // The arguments of the System V convention.
    private const int Values = Assembler.Rdi;
    private const int BlockBytes = Assembler.Rsi;
    private const int Weights = Assembler.Rdx;
    private const int Steps = Assembler.Rcx;
    private const int Tile = Assembler.R8;
    private const int Ahead = Assembler.R9;

    // Vector registers: two sums per row, then what is loaded.
    private const int WeightsA = 2 * MostBlocks * RowBlocks.Rows;
    private const int WeightsB = WeightsA + 1;
    private const int Loaded = WeightsA + 2;
    private const int Registers = 32;

    /// <summary>Numbers of cache lines that code exists for: how many a pass asks for in each step.</summary>
    private static readonly int[] _lines = [1, 2, 3, 4, 6, 8, LinesOfStep];

    /// <summary>[lines][blocks], 0 blocks standing for one row.</summary>
    private readonly nint[]? _code = SystemMemory.MapCode(
        [.. _lines.SelectMany(_ => Enumerable.Range(0, 1 + MostBlocks), (lines, blocks) => Assemble(blocks == 0 ? 1 : blocks * RowBlocks.Rows, lines))]);

    private BFloat16Code()
    {
    }

    /// <summary>The code of this process; null where processor or system do not take it.</summary>
    public static BFloat16Code? Instance { get; } = IsSupported() && new BFloat16Code() is { _code: not null } code ? code : null;

    /// <summary>As <see cref="MatMulPairs.Panel"/>; all passes together fetch the next panel, so that memory and multiplications keep pace.</summary>
    public void Panel(uint* input, nint blockStride, int rows, byte* panel, byte* next, int pairs, float* tile)
    {
        int blocks = RowBlocks.CountFor(rows), passes = (blocks + MostBlocks - 1) / MostBlocks, steps = pairs / PackedMatrix.PairMultiple;
        int index = 0;
        while (_lines[index] * passes < LinesOfStep)
            index++;
        byte* ahead = passes == 1 ? panel + MatMulInt8.PrefetchBytes : next;
        while (blocks > 0)
        {
            // Four blocks are better done as two and two.
            int taken = blocks == MostBlocks + 1 ? 2 : Math.Min(blocks, MostBlocks);
            nint code = _code![index * (1 + MostBlocks) + (rows == 1 ? 0 : taken)];
            ((delegate* unmanaged[SuppressGCTransition]<uint*, nint, byte*, nint, float*, byte*, void>)code)(
                input, blockStride * sizeof(uint), panel, steps, tile, ahead);
            blocks -= taken;
            input += taken * blockStride;
            tile += taken * RowBlocks.Rows * PackedMatrix.PanelOutputs;
            ahead += (nint)steps * _lines[index] * Vector;
        }
    }

    /// <summary>Leaf 7, subleaf 1 of CPUID tells of AVX512_BF16 in bit 5 of eax; that the system keeps the registers follows from Vector512.</summary>
    private static bool IsSupported() =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported && X86Base.X64.IsSupported && SystemMemory.CanMap
        && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    private static byte[] Assemble(int rows, int linesAhead)
    {
        Assembler code = new();
        for (int i = 0; i < 2 * rows; i++)
            code.Zero(i);

        int loop = code.Position;
        for (int pair = 0, line = 0; pair < PackedMatrix.PairMultiple; pair++)
        {
            for (; SoftwarePrefetch.IsOn && line < linesAhead * (pair + 1) / PackedMatrix.PairMultiple; line++)
                code.Prefetch(new Address(Ahead, line * Vector));
            AddPair(code, rows, pair);
        }

        code.AddTo(Ahead, linesAhead * Vector);
        code.AddTo(Weights, LinesOfStep * Vector);
        code.AddTo(Values, PackedMatrix.PairMultiple * RowBlocks.Rows * sizeof(uint));
        code.AddTo(Steps, -1);
        code.JumpIfNotZero(loop);
        for (int i = 0; i < 2 * rows; i++)
            code.Store(i, new Address(Tile, i * Vector));
        code.Return();
        return code.ToArray();
    }

    /// <summary>Two inputs of every row times their weights for 32 outputs.</summary>
    private static void AddPair(Assembler code, int rows, int pair)
    {
        code.Load(WeightsA, new Address(Weights, pair * 2 * Vector));
        code.Load(WeightsB, new Address(Weights, pair * 2 * Vector + Vector));
        for (int row = 0; row < rows; row++)
        {
            int value = Loaded + row % (Registers - Loaded), place = (pair * RowBlocks.Rows + row % RowBlocks.Rows) * sizeof(uint);
            code.BroadcastInteger(value, new Address(Values, place, BlockBytes, row / RowBlocks.Rows));
            code.DotBFloat16(2 * row, WeightsA, value);
            code.DotBFloat16(2 * row + 1, WeightsB, value);
        }
    }
}
