using System.Runtime.Intrinsics;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Rounds floats to pairs of bfloat16, to the nearest, ties to even. What has no exponent of its own, below 2^-126, becomes zero, as it
/// does in the instructions that multiply such pairs; not-a-number stays one.
/// </summary>
internal static unsafe class BFloat16Rounder
{
    private const uint Magnitude = 0x7FFFFFFF;
    private const uint Infinity = 0x7F800000;
    private const uint Smallest = 0x00800000;
    private const uint QuietBit = 0x00400000;
    private const uint UpperHalf = 0xFFFF0000;

    /// <param name="group">[64][4]</param>
    /// <param name="pairs">[32][4] words: the even column in the low half, the odd one in the high half.</param>
    public static void Block(float* group, uint* pairs)
    {
        for (int i = 0; i < RowBlocks.GroupColumns * RowBlocks.Rows; i += 2 * RowBlocks.Rows, pairs += RowBlocks.Rows)
        {
            Vector128<uint> even = Rounded(Vector128.Load((uint*)group + i)), odd = Rounded(Vector128.Load((uint*)group + i + RowBlocks.Rows));
            Vector128.Store((even >> 16) | (odd & Vector128.Create(UpperHalf)), pairs);
        }
    }

    /// <summary>The result is in the upper half.</summary>
    private static Vector128<uint> Rounded(Vector128<uint> bits)
    {
        Vector128<uint> magnitude = bits & Vector128.Create(Magnitude);
        Vector128<uint> nearest = bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One);
        nearest = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(Smallest)), Vector128<uint>.Zero, nearest);
        return Vector128.ConditionalSelect(Vector128.GreaterThan(magnitude, Vector128.Create(Infinity)), bits | Vector128.Create(QuietBit), nearest);
    }
}
