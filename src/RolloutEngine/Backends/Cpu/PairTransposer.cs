using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// Turns pairs of BF16 numbers, which lie one after the other in each row, into the order of a panel, 64 at a time. Compiled with all
/// optimisations from the start: a model is loaded before the runtime has seen what is hot.
/// </summary>
internal static unsafe class PairTransposer
{
    /// <summary>Pairs of each row that are turned at once: a cache line of them.</summary>
    public const int Size = 16;

    private const int Block = 8;

    /// <summary>Bytes of a row that are asked for before they are turned: more rows are read side by side than the processor foresees.</summary>
    private const int Ahead = 512;

    /// <summary>target[p][row] = pair p of each of 32 rows, for a multiple of 16 pairs; past the cache, since the panel is not read soon.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(ushort** rows, nint pairs, uint* target)
    {
        const int cells = Size * PackedMatrix.PanelOutputs;
        uint* turned = stackalloc uint[cells + Vector256<uint>.Count];
        turned = (uint*)(((nint)turned + 31) & ~31);
        for (nint pair = 0; pair < pairs; pair += Size, target += cells)
        {
            for (int first = 0; first < PackedMatrix.PanelOutputs; first += Block)
            {
                for (int row = first; row < first + Block; row++)
                    Sse.Prefetch0((byte*)(rows[row] + 2 * pair) + Ahead);
                TransposeBlock(rows + first, pair, turned + first);
                TransposeBlock(rows + first, pair + Block, turned + Block * PackedMatrix.PanelOutputs + first);
            }

            for (int i = 0; i < cells; i += Vector256<uint>.Count)
                Avx.StoreAlignedNonTemporal(target + i, Vector256.Load(turned + i));
        }

        Sse.StoreFence();
    }

    /// <summary>A transposition of 8 x 8 in three rounds: neighbours, pairs of neighbours, halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeBlock(ushort** rows, nint pair, uint* target)
    {
        Vector256<uint> a = Load(rows[0], pair), b = Load(rows[1], pair), c = Load(rows[2], pair), d = Load(rows[3], pair);
        Vector256<uint> e = Load(rows[4], pair), f = Load(rows[5], pair), g = Load(rows[6], pair), h = Load(rows[7], pair);
        Vector256<ulong> ab = Low(a, b), ab2 = High(a, b), cd = Low(c, d), cd2 = High(c, d);
        Vector256<ulong> ef = Low(e, f), ef2 = High(e, f), gh = Low(g, h), gh2 = High(g, h);
        Store(Avx2.UnpackLow(ab, cd), Avx2.UnpackLow(ef, gh), target, 0);
        Store(Avx2.UnpackHigh(ab, cd), Avx2.UnpackHigh(ef, gh), target, 1);
        Store(Avx2.UnpackLow(ab2, cd2), Avx2.UnpackLow(ef2, gh2), target, 2);
        Store(Avx2.UnpackHigh(ab2, cd2), Avx2.UnpackHigh(ef2, gh2), target, 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Load(ushort* row, nint pair) => Vector256.Load((uint*)row + pair);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Low(Vector256<uint> one, Vector256<uint> other) => Avx2.UnpackLow(one, other).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> High(Vector256<uint> one, Vector256<uint> other) => Avx2.UnpackHigh(one, other).AsUInt64();

    /// <summary>The lower halves are pair <paramref name="pair"/> of all rows, the upper ones the pair four further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<ulong> first, Vector256<ulong> second, uint* target, int pair)
    {
        Avx2.Permute2x128(first, second, 0x20).AsUInt32().Store(target + pair * PackedMatrix.PanelOutputs);
        Avx2.Permute2x128(first, second, 0x31).AsUInt32().Store(target + (pair + 4) * PackedMatrix.PanelOutputs);
    }
}
