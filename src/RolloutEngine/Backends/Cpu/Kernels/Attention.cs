using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using AgentRollout.RolloutEngine.Cache;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// The two products of attention over the pages of a sequence, for rows that share its keys and values: the query heads of a group, of one token
/// or of a few neighbours. Eight rows go together where there are registers for their sums, or four, two, one; where rows are missing the last one is
/// done again. Scores sum over the head dimension in order, outputs over the tokens in order of position, so neither depends on how a
/// prompt was cut into chunks. Both leave out <see cref="IPanelFormat.Scale"/> and the scales of tokens.
/// </summary>
internal static unsafe partial class Attention
{
    private const int CacheLine = 64;

    /// <summary>rows[row, 16·page + slot] *= scales[page][slot]: scores get the scales of their keys, and weights those of their values.</summary>
    /// <param name="rows">[row][stride]</param>
    /// <param name="scales">Pages of [16 slots].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScaleTokens<TSimd, TVector>(float* rows, int count, nint stride, PageBlocks scales, int pages)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        for (int page = 0; page < pages; page++, rows += PagePool.PageTokens)
        {
            for (int slot = 0; slot < PagePool.PageTokens; slot += TSimd.Width)
            {
                TVector scale = TSimd.Load((float*)scales[page] + slot);
                for (int row = 0; row < count; row++)
                    TSimd.Store(TSimd.Multiply(TSimd.Load(rows + row * stride + slot), scale), rows + row * stride + slot);
            }
        }
    }

    /// <summary>Rows that are computed together, of so many that are left.</summary>
    private static int Together(int width, int left) => width == Lanes.Count && left > 4 ? 8 : left > 2 ? 4 : left;

    /// <summary>Adds two vectors of keys or values times a number of each of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate<TSimd, TVector>(
        float x0, float x1, float x2, float x3, TVector left, TVector right,
        ref TVector a0, ref TVector b0, ref TVector a1, ref TVector b1, ref TVector a2, ref TVector b2, ref TVector a3, ref TVector b3)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        Accumulate<TSimd, TVector>(x0, x1, left, right, ref a0, ref b0, ref a1, ref b1);
        Accumulate<TSimd, TVector>(x2, x3, left, right, ref a2, ref b2, ref a3, ref b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate<TSimd, TVector>(
        float x0, float x1, TVector left, TVector right, ref TVector a0, ref TVector b0, ref TVector a1, ref TVector b1)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector x = TSimd.Broadcast(x0);
        a0 = TSimd.MultiplyAdd(left, x, a0);
        b0 = TSimd.MultiplyAdd(right, x, b0);
        x = TSimd.Broadcast(x1);
        a1 = TSimd.MultiplyAdd(left, x, a1);
        b1 = TSimd.MultiplyAdd(right, x, b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TVector>(float* target, TVector a, TVector b, int apart) where TSimd : ISimd<TVector> where TVector : struct
    {
        TSimd.Store(a, target);
        TSimd.Store(b, target + apart);
    }
}
